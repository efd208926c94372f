package address

import "testing"

func TestPublicName(t *testing.T) {
	for host, want := range map[string]bool{
		"cdn.evil.example": true, "a.com": true, "a.com.": true, "vendor.test": true, "x.home.arpa.com": true, "internal.com": true,
		"mirror": false, "mirror.": false, "mirror.lan": false, "a.b.internal": false, "x.home.arpa": false, "nas.local": false, "10.0.0.1": false, "fd00::1": false,
	} {
		if got := IsPublicName(host); got != want {
			t.Errorf("%s: %v", host, got)
		}
	}
}
