package main

import (
	"os"

	"fromcache/fsstore"
	"fromcache/fsstore/fetch/upstream"
	"fromcache/fsstore/key"
)

// mainServer is what a replica tells operators of: its first upstream, or "".
func mainServer(o *serveFlags) string {
	if len(o.upstreams) == 0 {
		return ""
	}
	return key.Redact(o.upstreams[0])
}

// newUpstreams returns nil where no upstream is named. name is that of this server's data directory.
func newUpstreams(store *fsstore.Store, o *serveFlags, name string) (*upstream.Group, error) {
	if len(o.upstreams) == 0 {
		if o.upstreamOnly || o.follow || o.upstreamCredentials != "" {
			return nil, usagef("--upstream-only, --follow and --upstream-credentials need an --upstream")
		}
		return nil, nil
	}
	credentials, err := openOrigins("--upstream-credentials", o.upstreamCredentials, store.Dir())
	if err != nil {
		return nil, err
	}
	host, err := os.Hostname()
	if err != nil {
		return nil, err
	}
	return upstream.New(upstream.Options{
		URLs: o.upstreams, Only: o.upstreamOnly,
		Credentials: credentials, Root: os.DirFS("/"),
		Name: name, Host: host, Version: versionName(),
	})
}
