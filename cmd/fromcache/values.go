package main

import (
	"errors"
	"flag"
	"fmt"
	"math"
	"net/netip"
	"os"
	"os/user"
	"strconv"
	"strings"
	"time"

	"fromcache/fsstore"
	"fromcache/fsstore/key"
)

const (
	defaultDataDir = "./data"
	defaultPort    = 3000
	defaultMinFree = size(1 << 30)
)

// storeFlags choose the data directory and the rule by which URLs become keys. The rule must be the server's own, or a verb
// looks for other keys than the server makes: so it can be set once, in the environment.
type storeFlags struct {
	dir        string
	keep, drop bool
	a          *app
}

func (a *app) storeFlags(f *flag.FlagSet) *storeFlags {
	s := &storeFlags{a: a}
	dir := a.dataDir
	if dir == "" {
		dir = a.getenv("FROMCACHE_DATA_DIR")
	}
	if dir == "" {
		dir = defaultDataDir
	}
	f.StringVar(&s.dir, "data-dir", dir, "`DIR` that holds the data")
	f.BoolVar(&s.keep, "keep-query", false, "a URL's query always belongs to its key; the same for the server and every verb")
	f.BoolVar(&s.drop, "drop-query", false, "a URL's query never belongs to its key; the same for the server and every verb")
	return s
}

func (s *storeFlags) rule() (key.Rule, error) {
	word := strings.TrimSpace(s.a.getenv("FROMCACHE_QUERY"))
	switch {
	case s.keep && s.drop:
		return 0, usageError{err: errors.New("--keep-query and --drop-query exclude each other")}
	case s.keep:
		return key.Keep, nil
	case s.drop:
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
	return 0, usageError{err: fmt.Errorf("FROMCACHE_QUERY is %q: it is auto, keep or drop", word)}
}

// open opens the data directory for a verb. It makes no new one, for that would most often be a mistyped name.
func (s *storeFlags) open(o fsstore.Options) (*fsstore.Store, error) {
	if _, err := os.Stat(s.dir); err != nil {
		return nil, fmt.Errorf("no data directory: %w; name it with --data-dir or FROMCACHE_DATA_DIR, or make one: fromcache serve --data-dir %s", err, s.dir)
	}
	return s.openOrMake(o)
}

func (s *storeFlags) openOrMake(o fsstore.Options) (*fsstore.Store, error) {
	var err error
	if o.Rule, err = s.rule(); err != nil {
		return nil, err
	}
	store, err := fsstore.Open(s.dir, o)
	if err != nil {
		return nil, err
	}
	for _, name := range store.Remade() {
		fmt.Fprintf(s.a.stderr, "fromcache: %s was gone from the data directory, and was made again\n", name)
	}
	return store, nil
}

// operator is who a job's log names for what this call does.
func (a *app) operator() fsstore.By {
	by := fsstore.By{Via: "cli", Addr: "uid-" + strconv.Itoa(os.Getuid())}
	if u, err := user.Current(); err == nil {
		by.Addr = u.Username
	}
	return by
}

// size is a number of bytes: 1GiB, 500MB, 12G (which is GiB), 4096; 0 and off are none.
type size int64

var units = []struct {
	name string
	n    float64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40}, {"PiB", 1 << 50},
	{"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"PB", 1e15},
	{"K", 1 << 10}, {"M", 1 << 20}, {"G", 1 << 30}, {"T", 1 << 40}, {"P", 1 << 50}, {"B", 1},
}

func (s *size) Set(v string) error {
	v = strings.TrimSpace(v)
	if strings.EqualFold(v, "off") {
		*s = 0
		return nil
	}
	number, factor := v, 1.0
	for _, u := range units {
		if n := len(v) - len(u.name); n > 0 && strings.EqualFold(v[n:], u.name) {
			number, factor = strings.TrimSpace(v[:n]), u.n
			break
		}
	}
	n, err := strconv.ParseFloat(number, 64)
	if err != nil || n*factor < 0 || n*factor >= math.MaxInt64 || math.IsNaN(n) {
		return errors.New("a size is a number and K, M, G, T, KiB … or KB …; 0 or off is none")
	}
	*s = size(n * factor)
	return nil
}

func (s *size) String() string {
	if s == nil || *s == 0 {
		return "off"
	}
	return bytes(int64(*s))
}

// bytes is n for people: 1.5 GiB.
func bytes(n int64) string {
	v, unit := float64(n), 0
	for v >= 1024 && unit < 5 {
		v /= 1024
		unit++
	}
	number := strconv.FormatFloat(v, 'f', 1, 64)
	if unit == 0 || v >= 100 {
		number = strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strings.TrimSuffix(number, ".0") + " " + [...]string{"B", "KiB", "MiB", "GiB", "TiB", "PiB"}[unit]
}

// span is a length of time: what Go takes, and days: 90d.
type span time.Duration

// maxDays are as many as a span in hours may have, too.
const maxDays = math.MaxInt64 / (24 * time.Hour)

func (d *span) Set(v string) error {
	var n time.Duration
	var err error
	if days, ok := strings.CutSuffix(v, "d"); ok {
		var f float64
		f, err = strconv.ParseFloat(days, 64)
		if f > float64(maxDays) {
			err = strconv.ErrRange
		}
		n = time.Duration(f * float64(24*time.Hour))
	} else {
		n, err = time.ParseDuration(v)
	}
	if err != nil || n <= 0 {
		return errors.New("a span is a number and d, h, m or s, as in 90d or 36h")
	}
	*d = span(n)
	return nil
}

func (d *span) String() string {
	if d == nil {
		return ""
	}
	n := time.Duration(*d)
	if days := n / (24 * time.Hour); days > 1 && n%(24*time.Hour) == 0 {
		return strconv.Itoa(int(days)) + "d"
	}
	if n%time.Hour == 0 {
		return strconv.Itoa(int(n/time.Hour)) + "h"
	}
	return n.String()
}

// port is a TCP port; 0 is any free one.
type port int

func (p *port) String() string { return strconv.Itoa(int(*p)) }

func (p *port) Set(v string) error {
	n, err := strconv.ParseUint(v, 10, 16)
	if err != nil {
		return errors.New("a port is a number from 0 to 65535")
	}
	*p = port(n)
	return nil
}

// digest is a SHA-256 that an operator expects.
type digest string

func (d *digest) String() string { return string(*d) }

func (d *digest) Set(v string) error {
	v = strings.ToLower(strings.TrimSpace(v))
	if v != "" && (len(v) != 64 || strings.Trim(v, "0123456789abcdef") != "") {
		return errors.New("a SHA-256 has 64 hexadecimal digits")
	}
	*d = digest(v)
	return nil
}

// hosts are names of this machine; a port after one means nothing.
type hosts struct{ list }

func (h *hosts) Set(v string) error {
	if strings.Contains(v, "/") {
		return errors.New("it is a name alone, as in cache.lab.example")
	}
	return h.list.Set(v)
}

// prefixes are networks or single addresses; the flag may be repeated, and takes several with commas.
type prefixes []netip.Prefix

func (p *prefixes) String() string { return "" }

func (p *prefixes) Set(v string) error {
	for _, s := range splitList(v) {
		net, err := netip.ParsePrefix(s)
		if err != nil {
			addr, addrErr := netip.ParseAddr(s)
			if addrErr != nil {
				return errors.New("it takes networks and addresses, as in 10.1.0.0/16 or ::1")
			}
			net = netip.PrefixFrom(addr, addr.BitLen())
		}
		*p = append(*p, net.Masked())
	}
	return nil
}

// list is a flag of words that may be repeated, and takes several with commas.
type list []string

func (l *list) String() string { return "" }

func (l *list) Set(v string) error {
	*l = append(*l, splitList(v)...)
	return nil
}

func splitList(v string) []string {
	return strings.FieldsFunc(v, func(r rune) bool { return r == ',' || r == ' ' })
}
