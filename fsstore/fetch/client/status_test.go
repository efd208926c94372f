package client

import (
	"testing"
	"time"
)

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for field, want := range map[string]time.Duration{
		"": 0, "0": 0, "120": 2 * time.Minute, " 7 ": 7 * time.Second, "86400": 24 * time.Hour, "86401": 24 * time.Hour,
		"99999999999999999999999": 24 * time.Hour, "-5": 0, "+5": 0, "1.5": 0, "soon": 0, "1e3": 0,
		"Mon, 23 Nov 2026 12:00:30 GMT":  30 * time.Second,
		"Monday, 23-Nov-26 12:00:30 GMT": 30 * time.Second,
		"Mon Nov 23 12:00:30 2026":       30 * time.Second,
		"Mon, 23 Nov 2026 11:00:00 GMT":  0,
		"Tue, 24 Nov 2026 11:59:59 GMT":  24*time.Hour - time.Second,
		"Sat, 23 Nov 2126 12:00:00 GMT":  24 * time.Hour,
	} {
		if got := retryAfter(field, now); got != want {
			t.Errorf("%q: %v, want %v", field, got, want)
		}
	}
}

func FuzzRetryAfter(f *testing.F) {
	f.Add("Mon, 23 Nov 2026 12:00:30 GMT")
	f.Fuzz(func(t *testing.T, field string) {
		if d := retryAfter(field, time.Now()); d < 0 || d > maxRetryAfter {
			t.Errorf("%q: %v", field, d)
		}
	})
}
