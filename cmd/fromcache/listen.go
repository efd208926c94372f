package main

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"time"
)

// listen returns the socket that the service manager holds, else one on --host and --port.
func listen(ctx context.Context, o *serveFlags) (net.Listener, error) {
	if socket, err := inherited(); socket != nil || err != nil {
		return socket, err
	}
	// Connections inherit their keep-alive (answer.Listen), and package net need not set it on each.
	how := net.ListenConfig{KeepAlive: -1}
	how.SetMultipathTCP(false) // it costs each connection time, and no client of downloads uses it
	socket, err := how.Listen(ctx, "tcp", net.JoinHostPort(o.host, strconv.Itoa(int(o.port))))
	if err != nil {
		return nil, fmt.Errorf("%w: choose another --host or --port", err)
	}
	return socket, nil
}

// localURLs are the URLs by which this machine reaches a socket that listens on addr. They hold
// addresses and no name, because localhost leads nowhere on some machines. A socket on all addresses
// of IPv6 takes IPv4 too, unless it was made to take none.
func localURLs(addr net.Addr, scheme string) []string {
	hosts := []string{addr.String()}
	if tcp, ok := addr.(*net.TCPAddr); ok && tcp.IP.IsUnspecified() {
		port := strconv.Itoa(tcp.Port)
		hosts = []string{net.JoinHostPort("127.0.0.1", port)}
		if tcp.IP.To4() == nil {
			hosts = append(hosts, net.JoinHostPort("::1", port))
		}
	}
	for i, host := range hosts {
		hosts[i] = (&url.URL{Scheme: scheme, Host: host}).String() // which escapes a zone
	}
	return hosts
}

// browserURL is the address of the pages, to be clicked: where the server listens on all
// addresses it has this machine's name, or an address where that name leads nowhere else.
func browserURL(ctx context.Context, addr net.Addr, scheme string) string {
	host, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return scheme + "://" + addr.String() + "/"
	}
	if ip, err := netip.ParseAddr(host); err == nil && ip.IsUnspecified() {
		host = machineName(ctx)
	}
	return scheme + "://" + net.JoinHostPort(host, port) + "/"
}

// machineName returns the host name if it leads to an address that others can reach, else such an
// address, else localhost.
func machineName(ctx context.Context) string {
	ctx, stop := context.WithTimeout(ctx, 300*time.Millisecond)
	defer stop()
	if name, err := os.Hostname(); err == nil {
		addrs, _ := net.DefaultResolver.LookupNetIP(ctx, "ip", name)
		for _, ip := range addrs {
			if ip.Unmap().IsGlobalUnicast() {
				return name
			}
		}
	}
	networks, _ := net.InterfaceAddrs()
	for _, n := range networks {
		if prefix, err := netip.ParsePrefix(n.String()); err == nil && prefix.Addr().IsGlobalUnicast() {
			return prefix.Addr().String()
		}
	}
	return "localhost"
}
