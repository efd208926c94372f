package main

import (
	"cmp"
	"fmt"
	"os"
	"os/user"
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

func (a *app) addStoreFlags(f *pflag.FlagSet) {
	dir := cmp.Or(a.getenv("FROMCACHE_DATA_DIR"), defaultDataDir)
	f.StringVar(&a.store.dir, "data-dir", dir, "`DIR` that holds the data; $FROMCACHE_DATA_DIR")
	a.store.dirFlag = f.Lookup("data-dir")
	f.BoolVar(&a.store.keep, "keep-query", false, "a URL's query is always a part of its key; FROMCACHE_QUERY=keep")
	f.BoolVar(&a.store.drop, "drop-query", false, "a URL's query is never a part of its key; FROMCACHE_QUERY=drop")
}

func (a *app) rule() (key.Rule, error) {
	word := strings.TrimSpace(a.getenv("FROMCACHE_QUERY"))
	switch {
	case a.store.keep && a.store.drop:
		return 0, usagef("--keep-query and --drop-query exclude each other: give one")
	case a.store.keep:
		return key.Keep, nil
	case a.store.drop:
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

// openStore opens the data directory for a verb. It makes no new one, because a name that does not
// exist is most often a mistyped one.
func (a *app) openStore(o fsstore.Options) (*fsstore.Store, error) {
	if _, err := os.Stat(a.store.dir); err != nil {
		return nil, fmt.Errorf("no data directory: %w; name it with --data-dir or FROMCACHE_DATA_DIR, or make one: fromcache serve --data-dir %s",
			err, a.store.dir)
	}
	return a.makeStore(o)
}

// makeStore opens the data directory, and makes it where there is none.
func (a *app) makeStore(o fsstore.Options) (*fsstore.Store, error) {
	var err error
	if o.Rule, err = a.rule(); err != nil {
		return nil, err
	}
	store, err := fsstore.Open(a.store.dir, o)
	if err != nil {
		return nil, err
	}
	for _, name := range store.Remade() {
		fmt.Fprintf(a.stderr, "fromcache: %s was gone from the data directory, and was made again\n", name)
	}
	return store, nil
}

// operator is who a job's log names for what this call does.
func (a *app) operator() fsstore.Operator {
	by := fsstore.Operator{Via: "cli", Addr: "uid-" + strconv.Itoa(os.Getuid())}
	if u, err := user.Current(); err == nil {
		by.Addr = u.Username
	}
	return by
}
