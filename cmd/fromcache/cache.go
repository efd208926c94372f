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

// openCache opens the cache that a verb operates: a server's, or a data directory that exists.
func (a *app) openCache() (operate.Cache, error) {
	c, err := a.farCache()
	if c != nil || err != nil {
		return c, err
	}
	s, err := a.openStore(fsstore.Options{})
	return a.localCache(s, err)
}

// openNamedCache is openCache for what is brought in, as openNamed is openStore.
func (a *app) openNamedCache(o fsstore.Options) (operate.Cache, error) {
	c, err := a.farCache()
	if c != nil || err != nil {
		return c, err
	}
	s, err := a.openNamed(o)
	return a.localCache(s, err)
}

// localCache returns a data directory as a cache. Where there is none it says how a server is asked.
func (a *app) localCache(s *fsstore.Store, err error) (operate.Cache, error) {
	if errors.As(err, new(noDataError)) {
		err = fmt.Errorf("%w; or ask a server: --server URL", err)
		if a.shimServer() != "" && !a.hasToken() {
			err = fmt.Errorf("%w; FROMCACHE_SERVER is not asked, because FROMCACHE_TOKEN is not set", err)
		}
	}
	if err != nil {
		return nil, err
	}
	return &operate.Local{Store: s, By: a.operator()}, nil
}

// farCache returns the cache of a server, or nil where the verb works on a data directory.
func (a *app) farCache() (operate.Cache, error) {
	server, err := a.farServer()
	if server == "" || err != nil {
		return nil, err
	}
	token, err := a.token()
	if err != nil {
		return nil, err
	}
	roots, err := a.roots()
	if err != nil {
		return nil, err
	}
	return client.New(server, token, roots), nil
}

func (a *app) addServerFlag(f *pflag.FlagSet) {
	f.StringVar(&a.server, "server", "",
		"`URL` of a cache-host to ask, instead of a data directory: fromcache help api")
	a.serverFlag = f.Lookup("server")
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
func (a *app) refuseServer(c *cobra.Command, _ []string) error {
	if a.serverFlag.Changed && c.Annotations[forAfar] == "" {
		return usagef("%s works on this machine alone, and takes no --server", c.Name())
	}
	return nil
}

// hideServer returns a help function that leaves --server out for verbs that refuse it.
func (a *app) hideServer(show func(*cobra.Command, []string)) func(*cobra.Command, []string) {
	return func(c *cobra.Command, args []string) {
		a.serverFlag.Hidden = c.HasParent() && c.Annotations[forAfar] == ""
		show(c, args)
	}
}

// farServer returns the address of the server that a verb asks, or "" where it works on a data
// directory. FROMCACHE_SERVER alone chooses no server, because it is the shim's setting, and whoever
// has a data directory at hand means that.
func (a *app) farServer() (string, error) {
	switch {
	case a.serverFlag.Changed && a.store.dirFlag.Changed:
		return "", usagef("--server and --data-dir exclude each other: give one")
	case a.serverFlag.Changed && (a.store.keep || a.store.drop):
		return "", usagef("--keep-query and --drop-query are for a data directory: " +
			"a server has its own rule")
	case a.serverFlag.Changed && strings.TrimSpace(a.server) == "":
		return "", usagef("--server is empty: give the URL of the cache-host")
	case a.serverFlag.Changed:
	case a.store.dirFlag.Changed, a.getenv("FROMCACHE_DATA_DIR") != "", a.shimServer() == "",
		!a.hasToken():
		return "", nil
	case hasData(defaultDataDir) == nil:
		return "", nil
	}
	server, err := a.cacheHost()
	if err == nil && (key.HasUserInfo(server) || strings.ContainsAny(server, "?#")) {
		err = usagef("the cache-host %s: give scheme, host, port and path alone; "+
			"a token goes into FROMCACHE_TOKEN", key.Redact(server))
	}
	return server, err
}

// hasToken reports whether the environment names a token for the API.
func (a *app) hasToken() bool {
	return strings.TrimSpace(a.getenv("FROMCACHE_TOKEN")+a.getenv("FROMCACHE_TOKEN_FILE")) != ""
}

// token returns the token for the API, or "".
func (a *app) token() (string, error) {
	if token := strings.TrimSpace(a.getenv("FROMCACHE_TOKEN")); token != "" {
		if !isBearer(token) {
			return "", errors.New("FROMCACHE_TOKEN is no token: give the one word that " +
				"fromcache token add NAME printed")
		}
		return token, nil
	}
	file := a.getenv("FROMCACHE_TOKEN_FILE")
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
func (a *app) roots() (*x509.CertPool, error) {
	file := a.getenv("FROMCACHE_CA_FILE")
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
