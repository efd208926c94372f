package show

import (
	"time"

	"fromcache/fsstore/key"
	"fromcache/templates"
)

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
		return templates.Word("host.none")
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

// timeLeft is a time left, no finer than it is known.
func timeLeft(d time.Duration) string {
	switch {
	case d < 10*time.Second:
		return templates.Word("left.seconds")
	case d < 2*time.Minute:
		return templates.Word("left.s", int(d.Seconds()))
	case d < 2*time.Hour:
		return templates.Word("left.min", int(d.Minutes()))
	case d < 48*time.Hour:
		return templates.Word("left.h", int(d.Hours()))
	}
	return templates.Word("left.days", int(d.Hours()/24))
}
