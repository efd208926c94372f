package storm

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// The hosts of the network, and their addresses. All nodes are one namespace, which is also the router
// between the others: 10.1.0.0/16 are theirs, so that each of 10,000 has an address of its own.
const (
	cacheHost = "10.0.1.1"
	originAt  = "10.0.2.1"
	nodesNet  = "10.1.0.0/16"
)

// network is a site: namespaces of the network, each with one host's sockets and the kernel's counts of
// them.
type network struct{ t *testing.T }

// newNetwork makes the namespaces, which end with the test.
func newNetwork(t *testing.T) *network {
	t.Helper()
	n := &network{t}
	t.Cleanup(func() { exec.Command("ip", "-all", "netns", "delete").Run() }) // those of our own /run/netns
	n.sh(`ip netns add nodes
		ip -n nodes link set lo up
		ip -n nodes route add local ` + nodesNet + ` dev lo`)
	n.in("nodes", "echo 1 >/proc/sys/net/ipv4/ip_forward")
	n.join("cache", cacheHost)
	n.join("origin", originAt)
	return n
}

// join adds a host. Its link to the nodes is a network of its own, with the router at .254.
func (n *network) join(host, addr string) {
	n.t.Helper()
	router := addr[:strings.LastIndex(addr, ".")] + ".254"
	n.sh(fmt.Sprintf(`ip netns add %[1]s
		ip -n %[1]s link set lo up
		ip -n nodes link add %[1]s type veth peer name eth0 netns %[1]s
		ip -n nodes addr add %[3]s/24 dev %[1]s
		ip -n nodes link set %[1]s up
		ip -n %[1]s addr add %[2]s/24 dev eth0
		ip -n %[1]s link set eth0 up
		ip -n %[1]s route add default via %[3]s`, host, addr, router))
}

func (n *network) sh(script string) {
	n.t.Helper()
	if out, err := exec.Command("sh", "-ec", script).CombinedOutput(); err != nil {
		n.t.Fatalf("%s: %v: %s", script, err, out)
	}
}

// in runs a script with a host's sockets.
func (n *network) in(host, script string) {
	n.t.Helper()
	n.sh("nsenter --net=/run/netns/" + host + " sh -ec '" + script + "'")
}

// enter has what do opens be a socket of a host.
func (n *network) enter(host string, do func()) error {
	done := make(chan error)
	go func() {
		// The thread comes back and lives on, because its end would be the end of the processes that it
		// has started, by their Pdeathsig.
		runtime.LockOSThread()
		own, err := setns("/run/netns/" + host)
		if err == nil {
			do()
			err = unix.Setns(int(own.Fd()), unix.CLONE_NEWNET)
			own.Close()
		}
		if err == nil {
			runtime.UnlockOSThread()
		}
		done <- err
	}()
	return <-done
}

// setns changes the thread's namespace of the network, and returns the one it was in.
func setns(path string) (own *os.File, err error) {
	if own, err = os.Open("/proc/thread-self/ns/net"); err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err == nil {
		err = unix.Setns(int(f.Fd()), unix.CLONE_NEWNET)
		f.Close()
	}
	if err != nil {
		own.Close()
	}
	return own, err
}

// listen is a socket of a host.
func (n *network) listen(host, addr string) net.Listener {
	n.t.Helper()
	var l net.Listener
	var failed error
	if err := n.enter(host, func() { l, failed = net.Listen("tcp", addr) }); err != nil || failed != nil {
		n.t.Fatal(err, failed)
	}
	return l
}
