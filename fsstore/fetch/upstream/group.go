package upstream

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"fromcache/fsstore/fetch/address"
	"fromcache/fsstore/fetch/client"
	"fromcache/fsstore/fetch/origins"
	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
)

// Options of a Group.
type Options struct {
	URLs        []string // in the order in which they are asked
	Credentials fs.FS    // a file <host> for what it needs, as of --origins; nil: none
	Root        fs.FS    // for absolute paths of certificates in Credentials; nil: none
	Only        bool     // no origin is asked
	Name        string   // of this server's data directory in Via
	Host        string   // of this server, for the operators above
	Version     string   // of this program
}

// Group is the upstreams of a server.
type Group struct {
	Servers []*Server
	Only    bool // no origin is asked

	waits sync.Map // what sumOf says of a job's URL, to the names of the servers that it waits for
}

// New returns the upstreams of o, or nil where there is none. The error says what is wrong with a
// URL or a file of credentials.
func New(o Options) (*Group, error) {
	if len(o.URLs) == 0 {
		return nil, nil
	}
	everywhere := []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}
	asker := &client.Client{
		Policy:    address.Policy{Allow: everywhere}, // the operator has named them
		Origins:   origins.Dir{Files: o.Credentials, Root: o.Root},
		UserAgent: userAgent(o.Host, o.Version),
		Connect:   10 * time.Second,
		Header:    30 * time.Second,
		Wanted:    func() bool { return true }, // Header is not stretched
		Proxy:     http.ProxyFromEnvironment,
	}
	g := &Group{Only: o.Only}
	for _, raw := range o.URLs {
		base, err := parseBase(raw)
		if err != nil {
			return nil, err
		}
		g.Servers = append(g.Servers, &Server{
			URL: base, client: asker, kept: &client.Kept{Client: asker}, name: o.Name,
		})
	}
	if err := asker.Origins.Check(); err != nil {
		return nil, fmt.Errorf("--upstream-credentials: %w", err)
	}
	return g, nil
}

// parseBase returns the address of an upstream without a slash at its end.
func parseBase(raw string) (string, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		return "", fmt.Errorf("--upstream %q: give the address of a fromcache, as in "+
			"https://cache.example:3000", raw)
	case u.User != nil:
		return "", errors.New("--upstream: keep the user name and password out of the address: put " +
			"a line `Authorization: Basic …` into a file of --upstream-credentials")
	case u.RawQuery != "" || u.Fragment != "":
		return "", fmt.Errorf("--upstream %q: give the address alone, without ? and #", raw)
	}
	return strings.TrimRight(u.Scheme+"://"+u.Host+u.EscapedPath(), "/"), nil
}

// userAgent returns the User-Agent by which operators above know this site: a miss shows its first
// word.
func userAgent(host, version string) string {
	const room = 40 - len(job.SiteSuffix) // a miss keeps so much of it
	word := strings.Map(func(c rune) rune {
		if (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && c != '.' && c != '-' {
			return '-'
		}
		return c
	}, host)
	return word[:min(len(word), room)] + job.SiteSuffix + " fromcache/" + version
}

// Await notes that the job of a URL waits for the servers of these names.
func (g *Group) Await(rawURL string, names []string) { g.waits.Store(sumOf(rawURL), names) }

// Forget takes back what Await noted.
func (g *Group) Forget(rawURL string) { g.waits.Delete(sumOf(rawURL)) }

// WaitsFor returns the names of the servers that the job of a URL waits for.
func (g *Group) WaitsFor(rawURL string) []string {
	if g == nil {
		return nil
	}
	names, _ := g.waits.Load(sumOf(rawURL))
	list, _ := names.([]string)
	return list
}

// sumOf returns the same for URLs that differ in a signature alone.
func sumOf(rawURL string) string {
	u, err := key.Parse(rawURL, key.Auto)
	if err != nil {
		return ""
	}
	return u.Sum()
}
