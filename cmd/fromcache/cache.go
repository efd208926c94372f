package main

import (
	"fromcache/fsstore"
	"fromcache/httpd/operate"
)

// openCache opens the cache that a verb operates. It makes no data directory.
func (a *app) openCache() (operate.Cache, error) {
	s, err := a.openStore(fsstore.Options{})
	if err != nil {
		return nil, err
	}
	return &operate.Local{Store: s, By: a.operator()}, nil
}

// makeCache is openCache for what is brought in: a data directory that is not there is made.
func (a *app) makeCache(o fsstore.Options) (operate.Cache, error) {
	s, err := a.makeStore(o)
	if err != nil {
		return nil, err
	}
	return &operate.Local{Store: s, By: a.operator()}, nil
}
