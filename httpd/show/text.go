package show

import "fromcache/fsstore/key"

// URL returns a URL as pages show it: redacted, and cut after 600 bytes. orElse stands where there
// is none.
func URL(raw, orElse string) string {
	if raw == "" {
		return orElse
	}
	return Cut(key.RedactDistinct(raw), 600)
}

// HostOf returns the host of a URL.
func HostOf(raw string) string {
	u, err := key.Parse(raw, key.Auto)
	if err != nil {
		return "no host"
	}
	return u.Host()
}

// Cut shortens ASCII text for a page.
func Cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return s[:n] + "…"
}
