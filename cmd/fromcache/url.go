package main

import (
	"cmp"
	"encoding/base64"
	"fmt"
	neturl "net/url"
	"strings"

	"github.com/spf13/cobra"

	"fromcache/fsstore/key"
)

func urlCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "url URL",
		Short: "Print the address at which the cache serves URL",
		Long: `Print the address at which the cache serves URL, for programs that have no shim. The address holds
URL whole, in base64: a signature in URL can be read from it. The cache-host is that of --server, else
of FROMCACHE_SERVER, else http://localhost:3000.`,
		Args:              operands(1, 1),
		ValidArgsFunction: noFiles,
		RunE:              func(_ *cobra.Command, args []string) error { return a.url(args[0]) },
	}
}

func (a *app) url(asked string) error {
	raw, err := key.FetchURL(asked)
	if err != nil {
		return fmt.Errorf("%s: %w", key.Redact(asked), err)
	}
	u, err := key.Parse(raw, key.Keep)
	if err != nil {
		return err
	}
	base, err := a.cacheHost()
	if err != nil {
		return err
	}
	name := u.Basename()
	if _, err := neturl.PathUnescape(name); err != nil { // a % that encodes nothing, which no server takes
		name = neturl.PathEscape(name)
	}
	_, err = fmt.Fprintf(a.stdout, "%s/b/%s/%s\n", base, base64.RawURLEncoding.EncodeToString([]byte(raw)), name)
	return err
}

// cacheHost returns the address of the cache-host as the shim reads it: the first of several, and
// http where there is no scheme.
func (w *where) cacheHost() (string, error) {
	all := splitList(cmp.Or(w.server, w.shimServer()))
	if len(all) == 0 {
		return fmt.Sprintf("http://localhost:%d", defaultPort), nil
	}
	base := strings.TrimRight(all[0], "/")
	if !strings.Contains(base, "://") {
		base = "http://" + base
	}
	if scheme, _, _ := strings.Cut(base, "://"); !strings.EqualFold(scheme, "http") && !strings.EqualFold(scheme, "https") {
		return "", usagef("the cache-host %s: an address begins with http:// or https://", key.Redact(all[0]))
	}
	if _, err := key.Parse(base+"/", key.Keep); err != nil {
		return "", usagef("the cache-host %s: %w", key.Redact(all[0]), err)
	}
	return base, nil
}

// shimServer returns FROMCACHE_SERVER; "" where it is off, which turns the shim off and names none.
func (w *where) shimServer() string {
	if server := strings.TrimSpace(w.getenv("FROMCACHE_SERVER")); server != "off" {
		return server
	}
	return ""
}
