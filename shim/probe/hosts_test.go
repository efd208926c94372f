package probe

import "testing"

// TestAddressOf holds for which names a cache is asked without package net: for one that has a
// single address. Of all others it has to find out which of them answers.
func TestAddressOf(t *testing.T) {
	const hosts = "# a comment\n127.0.0.1\tlocalhost\n::1 localhost ip6-localhost\n\n10.0.0.7 cache-host cache # spare\r\n" +
		"10.0.0.8 two\n10.0.0.9 two\n10.0.0.7\tCache-Host.Example\n10.0.0.10\nno-address odd\n10.0.0.11 same\n10.0.0.11 same"
	for name, want := range map[string]string{
		"cache-host": "10.0.0.7", "cache": "10.0.0.7", "cache-host.example": "10.0.0.7", "same": "10.0.0.11", "ip6-localhost": "::1",
		"localhost": "", "two": "", "spare": "", "odd": "", "absent": "", "10.0.0.10": "", "": "",
	} {
		ip, ok := addressOf(name, hosts)
		if got := ip.String(); ok != (want != "") || ok && got != want {
			t.Errorf("%q: %v %v, want %q", name, got, ok, want)
		}
	}
}

// TestFilesFirst holds where /etc/hosts may be looked at alone.
func TestFilesFirst(t *testing.T) {
	for order, want := range map[string]bool{
		"hosts: files dns\n":                            true,
		"# x\npasswd: dns\nhosts:\t\tfiles mdns4 dns\n": true,
		"hosts: files":                                  true,
		"hosts: dns files\n":                            false,
		"hosts: files [SUCCESS=continue] dns\n":         false,
		"hosts: mymachines files\n":                     false,
		"#hosts: files\n":                               false,
		"passwd: files\n":                               false,
		"hosts:\n":                                      false,
		"":                                              false,
	} {
		if got := filesFirst(order); got != want {
			t.Errorf("%q: %v", order, got)
		}
	}
}
