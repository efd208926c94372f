package main

import (
	"io"
	"net"
	"strconv"
	"strings"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"
)

// relay is a line to a server that breaks when a script says so. The first answer that is longer than hold bytes stands still there
// until it is cut; what comes after it passes.
type relay struct {
	listener net.Listener
	to       string
	hold     int64
	first    sync.Once
	held     chan struct{}
	cut      chan struct{}
}

func relayCmd(ts *testscript.TestScript, neg bool, args []string) {
	sc := sceneOf(ts)
	switch {
	case neg || len(args) < 2:
		ts.Fatalf("usage: relay NAME URL HOLD, or relay held|cut NAME")
	case args[0] == "held":
		<-sc.relays[args[1]].held
	case args[0] == "cut":
		close(sc.relays[args[1]].cut)
	default:
		hold, err := strconv.ParseInt(args[2], 10, 64)
		ts.Check(err)
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		ts.Check(err)
		r := &relay{listener: listener, to: strings.TrimPrefix(args[1], "http://"), hold: hold, held: make(chan struct{}), cut: make(chan struct{})}
		sc.relays[args[0]] = r
		ts.Setenv(args[0], "http://"+listener.Addr().String())
		done := make(chan struct{})
		go func() { r.run(); close(done) }()
		ts.Defer(func() { listener.Close(); <-done })
	}
}

// run relays until the listener is closed.
func (r *relay) run() {
	var lines sync.WaitGroup
	defer lines.Wait()
	for {
		client, err := r.listener.Accept()
		if err != nil {
			return
		}
		lines.Go(func() { r.line(client) })
	}
}

func (r *relay) line(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", r.to)
	if err != nil {
		return
	}
	defer server.Close()
	go func() {
		io.Copy(server, client) //nolint:errcheck // it ends with the line
		server.Close()
	}()
	if _, err := io.CopyN(client, server, r.hold); err != nil {
		return
	}
	broken := false
	r.first.Do(func() {
		close(r.held)
		<-r.cut
		broken = true
	})
	if !broken {
		io.Copy(client, server) //nolint:errcheck // it ends with the line
	}
}
