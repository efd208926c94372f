package main

import (
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestManagerIsTold: the service manager hears that the server is ready, that it lives, and that it ends.
func TestManagerIsTold(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "notify")
	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer manager.Close()
	manager.SetReadDeadline(time.Now().Add(2 * patience)) //nolint:errcheck // it can't fail
	hears := func(line string) {
		t.Helper()
		b := make([]byte, 4096)
		for {
			n, err := manager.Read(b)
			if err != nil {
				t.Fatalf("%s was not told: %v", line, err)
			}
			if slices.ContainsFunc(strings.Split(string(b[:n]), "\n"), func(s string) bool { return strings.HasPrefix(s, line) }) {
				return
			}
		}
	}
	p := newProcess(t, "", "NOTIFY_SOCKET="+socket, "WATCHDOG_USEC=300000")
	p.start()
	hears("STATUS=opening " + p.data())
	hears("READY=1")
	hears("WATCHDOG=1")
	hears("WATCHDOG=1")
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	hears("STOPPING=1")
}

// TestAnswersItself: only a server that says nothing at all is no longer alive, and none that is crowded.
func TestAnswersItself(t *testing.T) {
	status := http.StatusOK
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
	crowded := false
	alive := answersItself([]string{s.URL}, func() bool { return crowded })
	for _, status = range []int{http.StatusOK, http.StatusServiceUnavailable} {
		if err := alive(t.Context()); err != nil {
			t.Errorf("%d: %v", status, err)
		}
	}
	s.Close()
	if alive(t.Context()) == nil {
		t.Error("a server that has gone is alive")
	}
	if crowded = true; alive(t.Context()) != nil {
		t.Error("a crowded server is dead")
	}
}

// TestLocalURLs: the watchdog reaches the server whatever addresses that listens on, by no name.
func TestLocalURLs(t *testing.T) {
	for _, x := range []struct{ network, addr string }{
		{"tcp", "127.0.0.1:0"}, {"tcp", "[::1]:0"}, {"tcp4", "0.0.0.0:0"}, {"tcp", ":0"}, {"tcp6", "[::]:0"},
	} {
		socket, err := net.Listen(x.network, x.addr)
		if err != nil {
			t.Logf("%s %s can't be tried here: %v", x.network, x.addr, err)
			continue
		}
		s := httptest.NewUnstartedServer(http.NotFoundHandler())
		s.Listener.Close()
		s.Listener = socket
		s.Start()
		urls := localURLs(socket.Addr(), "http")
		for _, u := range urls {
			if parsed, err := url.Parse(u); err != nil || net.ParseIP(parsed.Hostname()) == nil {
				t.Errorf("%s %s: %s has a name that may lead nowhere: %v", x.network, x.addr, u, err)
			}
		}
		if err := answersItself(urls, func() bool { return false })(t.Context()); err != nil {
			t.Errorf("%s %s: %v", x.network, x.addr, err)
		}
		s.Close()
	}
	zone := &net.TCPAddr{IP: net.ParseIP("fe80::1"), Zone: "eth0", Port: 3000}
	if got := localURLs(zone, "https"); len(got) != 1 || got[0] != "https://[fe80::1%25eth0]:3000" {
		t.Errorf("%v: %q", zone, got)
	}
}

// TestBrowserURL: what is said to be clicked has a host where the socket has none.
func TestBrowserURL(t *testing.T) {
	for addr, want := range map[string]string{"10.1.2.3:80": "http://10.1.2.3:80/", "[::1]:3000": "http://[::1]:3000/"} {
		tcp, err := net.ResolveTCPAddr("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		if got := browserURL(t.Context(), tcp, "http"); got != want {
			t.Errorf("%s: %s, want %s", addr, got, want)
		}
	}
	for _, ip := range []net.IP{net.IPv4zero, net.IPv6unspecified} {
		got := browserURL(t.Context(), &net.TCPAddr{IP: ip, Port: 3000}, "http")
		if !strings.HasSuffix(got, ":3000/") || strings.Contains(got, "0.0.0.0") || strings.Contains(got, "[::]") {
			t.Errorf("%v: %s", ip, got)
		}
	}
}
