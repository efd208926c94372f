package main

import (
	"errors"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"fromcache/fsstore"
)

// size is a number of bytes: 1GiB, 500MB, 12G (which is GiB), 4096; 0 and off are none.
type size int64

func (s *size) Type() string { return "size" }

func (s *size) Set(v string) error {
	v = strings.TrimSpace(v)
	if strings.EqualFold(v, "off") {
		*s = 0
		return nil
	}
	n, err := fsstore.ParseSize(v)
	if err != nil {
		return errors.New("a size is a number and K, M, G, T, KiB … or KB …; 0 or off is none")
	}
	*s = size(n)
	return nil
}

func (s *size) String() string {
	if *s == 0 {
		return "off"
	}
	return bytes(int64(*s))
}

// bytes is n for people: 1.5 GiB, 12.3 GiB, 123 GiB. It is no function of humanize, because theirs
// say 12 GiB for 12.3.
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

// port is a TCP port.
type port uint16

func (p *port) Type() string { return "port" }

func (p *port) Set(v string) error {
	n, err := strconv.ParseUint(v, 10, 16)
	if err != nil {
		return errors.New("give 0 to 65535")
	}
	*p = port(n)
	return nil
}

func (p *port) String() string { return strconv.Itoa(int(*p)) }

// span is a length of time: what Go takes, and days: 90d.
type span time.Duration

// maxDays is how many days a time.Duration can hold.
const maxDays = math.MaxInt64 / (24 * time.Hour)

func (d *span) Type() string { return "span" }

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
	n := time.Duration(*d)
	if days := n / (24 * time.Hour); days > 1 && n%(24*time.Hour) == 0 {
		return strconv.Itoa(int(days)) + "d"
	}
	if n%time.Hour == 0 {
		return strconv.Itoa(int(n/time.Hour)) + "h"
	}
	return n.String()
}

// setDigest returns a flag's function that stores a SHA-256 in lower case.
func setDigest(to *string) func(string) error {
	return func(v string) error {
		v = strings.ToLower(strings.TrimSpace(v))
		if v != "" && (len(v) != 64 || strings.Trim(v, "0123456789abcdef") != "") {
			return errors.New("a SHA-256 has 64 hexadecimal digits")
		}
		*to = v
		return nil
	}
}

// addPrefixes returns a flag's function that adds networks and single addresses, separated by
// commas.
func addPrefixes(to *[]netip.Prefix) func(string) error {
	return func(v string) error {
		for _, s := range splitList(v) {
			net, err := netip.ParsePrefix(s)
			if err != nil {
				addr, addrErr := netip.ParseAddr(s)
				if addrErr != nil {
					return errors.New("give networks or addresses, as in 10.1.0.0/16 or ::1")
				}
				net = netip.PrefixFrom(addr, addr.BitLen())
			}
			*to = append(*to, net.Masked())
		}
		return nil
	}
}

// addURLs returns a flag's function that adds addresses, separated by commas.
func addURLs(to *[]string) func(string) error {
	return func(v string) error {
		*to = append(*to, splitList(v)...)
		return nil
	}
}

// addHosts returns a flag's function that adds names of this machine, separated by commas.
func addHosts(to *[]string) func(string) error {
	return func(v string) error {
		if strings.Contains(v, "/") {
			return errors.New("give a name alone, as in cache.lab.example")
		}
		*to = append(*to, splitList(v)...)
		return nil
	}
}

func splitList(v string) []string {
	return strings.FieldsFunc(v, func(r rune) bool { return r == ',' || r == ' ' })
}
