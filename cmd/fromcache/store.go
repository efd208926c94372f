package main

import (
	"cmp"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"fromcache/fsstore"
	"fromcache/fsstore/key"
)

const (
	defaultDataDir = "./data"
	defaultPort    = 3000
	defaultMinFree = size(1 << 30)
)

// storeFlags choose the data directory and the rule by which URLs become keys. The rule must be the
// server's own, because a verb with another rule looks for keys that the server does not make: so
// the environment can set it once for both.
type storeFlags struct {
	dir        string
	dirFlag    *pflag.Flag
	keep, drop bool
}

func (w *where) addStoreFlags(f *pflag.FlagSet) {
	dir := cmp.Or(w.getenv("FROMCACHE_DATA_DIR"), defaultDataDir)
	f.StringVar(&w.store.dir, "data-dir", dir, "`DIR` that holds the data; $FROMCACHE_DATA_DIR")
	w.store.dirFlag = f.Lookup("data-dir")
	f.BoolVar(&w.store.keep, "keep-query", false, "a URL's query is always a part of its key; FROMCACHE_QUERY=keep")
	f.BoolVar(&w.store.drop, "drop-query", false, "a URL's query is never a part of its key; FROMCACHE_QUERY=drop")
}

func (w *where) rule() (key.Rule, error) {
	word := strings.TrimSpace(w.getenv("FROMCACHE_QUERY"))
	switch {
	case w.store.keep && w.store.drop:
		return 0, usagef("--keep-query and --drop-query exclude each other: give one")
	case w.store.keep:
		return key.Keep, nil
	case w.store.drop:
		return key.Drop, nil
	}
	switch word {
	case "", "auto":
		return key.Auto, nil
	case "keep":
		return key.Keep, nil
	case "drop":
		return key.Drop, nil
	}
	return 0, usagef("FROMCACHE_QUERY is %q: set it to auto, keep or drop", word)
}

// A noDataError says that there is no data directory, and what can be done.
type noDataError struct{ error }

// openStore opens the data directory for a verb. It makes no new one, because a name that does not
// exist is most often a mistyped one.
func (w *where) openStore(o fsstore.Options) (*fsstore.Store, error) {
	if err := hasData(w.store.dir); err != nil {
		return nil, w.noData(err)
	}
	return w.makeStore(o)
}

// openNamed is openStore for what is brought in: a data directory that the call or the environment
// names is made where there is none. ./data is not, because it may be meant on another machine.
func (w *where) openNamed(o fsstore.Options) (*fsstore.Store, error) {
	if w.store.dirFlag.Changed || w.getenv("FROMCACHE_DATA_DIR") != "" {
		return writable(w.makeStore(o))
	}
	return writable(w.openStore(o))
}

// writable passes a store on for what changes it, and refuses a replica.
func writable(s *fsstore.Store, err error) (*fsstore.Store, error) {
	if err == nil {
		err = s.Writable()
	}
	return s, err
}

// hasData returns why dir can be no data directory: it is not there, or it is empty. Whether it
// holds something else is judged where it is opened.
func hasData(dir string) error {
	if _, err := os.Stat(dir); err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	isOther := func(e os.DirEntry) bool { return e.Name() != "lost+found" }
	if err == nil && !slices.ContainsFunc(entries, isOther) {
		return fmt.Errorf("%s is empty", dir)
	}
	return nil
}

// noData returns the error for a data directory that is not there, because of why.
func (w *where) noData(why error) error {
	err := fmt.Errorf("no data directory: %w; name it with --data-dir or FROMCACHE_DATA_DIR, "+
		"or make one: fromcache serve --data-dir %s", why, w.store.dir)
	if here, wrong := filepath.Abs("."); wrong == nil {
		if _, wrong := fsstore.OpenSource(here, key.Auto); wrong == nil {
			err = fmt.Errorf("%w; this directory is one: --data-dir . names it", err)
		}
	}
	return noDataError{err}
}

// makeStore opens the data directory, and makes it where there is none.
func (w *where) makeStore(o fsstore.Options) (*fsstore.Store, error) {
	var err error
	if o.Rule, err = w.rule(); err != nil {
		return nil, err
	}
	if o.Replica, err = w.isReplica(); err != nil {
		return nil, err
	}
	store, err := fsstore.Open(w.store.dir, o)
	if err != nil {
		return nil, err
	}
	for _, name := range store.Remade() {
		fmt.Fprintf(w.stderr, "fromcache: %s was gone from the data directory, and was made again\n", name)
	}
	return store, nil
}

// isReplica reports whether the data directory is only to be read: serve's variable says so, or it
// can't be used otherwise.
func (w *where) isReplica() (bool, error) {
	if v := strings.TrimSpace(w.getenv("FROMCACHE_REPLICA")); v != "" {
		yes, err := strconv.ParseBool(v)
		if err != nil {
			return false, usagef("FROMCACHE_REPLICA is %q: set it to true or false", v)
		}
		return yes, nil
	}
	return fsstore.IsReplica(w.store.dir), nil
}

// operator is who a job's log names for what this call does.
func (w *where) operator() fsstore.Operator {
	by := fsstore.Operator{Via: "cli", Addr: "uid-" + strconv.Itoa(os.Getuid())}
	if u, err := user.Current(); err == nil {
		by.Addr = u.Username
	}
	return by
}
