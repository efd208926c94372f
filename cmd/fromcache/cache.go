package main

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"fromcache/fsstore"
	"fromcache/fsstore/key"
	"fromcache/httpd/api/client"
	"fromcache/httpd/operate"
)

// where is which cache a verb works on, as flags and environment say: a data directory, or that of a
// server.
type where struct {
	getenv     func(string) string
	stderr     io.Writer
	store      storeFlags
	server     string // of --server
	serverFlag *pflag.Flag
}

// openCache opens the cache that a verb operates: a server's, or a data directory that exists.
func (w *where) openCache() (operate.Cache, error) {
	c, err := w.farCache()
	if c != nil || err != nil {
		return c, err
	}
	s, err := w.openStore(fsstore.Options{})
	return w.localCache(s, err)
}

// openNamedCache is openCache for what is brought in, as openNamed is openStore.
func (w *where) openNamedCache(o fsstore.Options) (operate.Cache, error) {
	c, err := w.farCache()
	if c != nil || err != nil {
		return c, err
	}
	s, err := w.openNamed(o)
	return w.localCache(s, err)
}

// localCache returns a data directory as a cache. Where there is none it says how a server is asked.
func (w *where) localCache(s *fsstore.Store, err error) (operate.Cache, error) {
	if errors.As(err, new(noDataError)) {
		err = fmt.Errorf("%w; or ask a server: --server URL", err)
		if w.shimServer() != "" && !w.hasToken() {
			err = fmt.Errorf("%w; FROMCACHE_SERVER is not asked, because FROMCACHE_TOKEN is not set", err)
		}
	}
	if err != nil {
		return nil, err
	}
	return &operate.Local{Store: s, By: w.operator()}, nil
}

// farCache returns the cache of a server, or nil where the verb works on a data directory.
func (w *where) farCache() (operate.Cache, error) {
	server, err := w.farServer()
	if server == "" || err != nil {
		return nil, err
	}
	token, err := w.token()
	if err != nil {
		return nil, err
	}
	roots, err := w.roots()
	if err != nil {
		return nil, err
	}
	return client.New(server, token, roots), nil
}

func (w *where) addServerFlag(f *pflag.FlagSet) {
	f.StringVar(&w.server, "server", "",
		"`URL` of a cache-host to ask, instead of a data directory: fromcache help api")
	w.serverFlag = f.Lookup("server")
}

// forAfar is the annotation of verbs that take --server.
const forAfar = "for afar"

// fromAfar marks verbs that take --server.
func fromAfar(commands ...*cobra.Command) []*cobra.Command {
	for _, c := range commands {
		c.Annotations = map[string]string{forAfar: "yes"}
	}
	return commands
}

// refuseServer refuses --server for a verb that works on this machine alone.
func (w *where) refuseServer(c *cobra.Command, _ []string) error {
	if w.serverFlag.Changed && c.Annotations[forAfar] == "" {
		return usagef("%s works on this machine alone, and takes no --server", c.Name())
	}
	return nil
}

// hideServer returns a help function that leaves --server out for verbs that refuse it.
func (w *where) hideServer(show func(*cobra.Command, []string)) func(*cobra.Command, []string) {
	return func(c *cobra.Command, args []string) {
		w.serverFlag.Hidden = c.HasParent() && c.Annotations[forAfar] == ""
		show(c, args)
	}
}

// farServer returns the address of the server that a verb asks, or "" where it works on a data
// directory. FROMCACHE_SERVER alone chooses no server, because it is the shim's setting, and whoever
// has a data directory at hand means that.
func (w *where) farServer() (string, error) {
	switch {
	case w.serverFlag.Changed && w.store.dirFlag.Changed:
		return "", usagef("--server and --data-dir exclude each other: give one")
	case w.serverFlag.Changed && (w.store.keep || w.store.drop):
		return "", usagef("--keep-query and --drop-query are for a data directory: " +
			"a server has its own rule")
	case w.serverFlag.Changed && strings.TrimSpace(w.server) == "":
		return "", usagef("--server is empty: give the URL of the cache-host")
	case w.serverFlag.Changed:
	case w.store.dirFlag.Changed, w.getenv("FROMCACHE_DATA_DIR") != "", w.shimServer() == "",
		!w.hasToken():
		return "", nil
	case hasData(defaultDataDir) == nil:
		return "", nil
	}
	server, err := w.cacheHost()
	if err == nil && (key.HasUserInfo(server) || strings.ContainsAny(server, "?#")) {
		err = usagef("the cache-host %s: give scheme, host, port and path alone; "+
			"a token goes into FROMCACHE_TOKEN", key.Redact(server))
	}
	return server, err
}

// hasToken reports whether the environment names a token for the API.
func (w *where) hasToken() bool {
	return strings.TrimSpace(w.getenv("FROMCACHE_TOKEN")+w.getenv("FROMCACHE_TOKEN_FILE")) != ""
}

// token returns the token for the API, or "".
func (w *where) token() (string, error) {
	if token := strings.TrimSpace(w.getenv("FROMCACHE_TOKEN")); token != "" {
		if !isBearer(token) {
			return "", errors.New("FROMCACHE_TOKEN is no token: give the one word that " +
				"fromcache token add NAME printed")
		}
		return token, nil
	}
	file := w.getenv("FROMCACHE_TOKEN_FILE")
	if file == "" {
		return "", nil
	}
	b, err := readTokenFile(file)
	if err != nil {
		return "", fmt.Errorf("FROMCACHE_TOKEN_FILE: %w", err)
	}
	line, _, _ := strings.Cut(string(b), "\n")
	if line = strings.TrimSpace(line); line == "" {
		return "", fmt.Errorf("FROMCACHE_TOKEN_FILE: the first line of %s is empty, and should be a token", file)
	}
	if !isBearer(line) {
		return "", fmt.Errorf("FROMCACHE_TOKEN_FILE: the first line of %s is no token", file)
	}
	return line, nil
}

// isBearer reports whether a token can stand in a field of HTTP: printable ASCII without blanks.
func isBearer(token string) bool {
	return !strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' })
}

// maxTokenFile is the largest file, in bytes, that may hold a token.
const maxTokenFile = 4 << 10

// readTokenFile reads a small regular file, or one that a link leads to. It waits for no FIFO.
func readTokenFile(name string) ([]byte, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is no regular file: a token that a program prints can go into "+
			"FROMCACHE_TOKEN", name)
	case info.Size() > maxTokenFile:
		return nil, fmt.Errorf("%s has more than 4 KiB, and should hold a token alone", name)
	}
	return io.ReadAll(io.LimitReader(f, maxTokenFile))
}

// roots returns the CAs that FROMCACHE_CA_FILE names; nil: the system's.
func (w *where) roots() (*x509.CertPool, error) {
	file := w.getenv("FROMCACHE_CA_FILE")
	if file == "" {
		return nil, nil
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("FROMCACHE_CA_FILE: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(b) {
		return nil, fmt.Errorf("FROMCACHE_CA_FILE: %s has no certificate in PEM", file)
	}
	return pool, nil
}
