package main

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"time"
)

// listen returns the socket that the service manager holds, else one on --host and --port.
func listen(ctx context.Context, o *serveFlags) (net.Listener, error) {
	if socket, err := inherited(); socket != nil || err != nil {
		return socket, err
	}
	socket, err := (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort(o.host, strconv.Itoa(int(o.port))))
	if err != nil {
		return nil, fmt.Errorf("%w: choose another --host or --port", err)
	}
	return socket, nil
}

// localAddr is the address by which this machine reaches a socket that listens on addr.
func localAddr(addr net.Addr) string {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok || !tcp.IP.IsUnspecified() {
		return addr.String()
	}
	if tcp.IP.To4() != nil {
		return net.JoinHostPort("127.0.0.1", strconv.Itoa(tcp.Port))
	}
	return net.JoinHostPort("localhost", strconv.Itoa(tcp.Port))
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
