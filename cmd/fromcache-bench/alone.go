package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strconv"
)

// aloneSize is the length that net/http alone promises for everything.
const aloneSize = 64 << 10

// serveAlone is net/http with nothing to do: no look at a disk, two header fields. What it reaches of nginx's rate is about the
// most that any server on net/http can. The bench starts itself to be it.
func serveAlone(port int) error {
	length, kind := []string{strconv.Itoa(aloneSize)}, []string{"application/octet-stream"}
	return http.ListenAndServe(addr(port), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		h := w.Header()
		h["Content-Length"], h["Content-Type"] = length, kind
		w.WriteHeader(http.StatusOK)
	}))
}

func startAlone(ctx context.Context) (*server, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	p, err := start(self, "-alone", strconv.Itoa(port))
	if err != nil {
		return nil, err
	}
	return newServer(ctx, p, port)
}

// alone compares net/http alone with the nginx of a contest on HEAD, for a measure of what the library leaves to us.
func (b *bench) alone(ctx context.Context, with *contest) error {
	s, err := startAlone(ctx)
	if err != nil {
		return err
	}
	c := &contest{ours: &side{server: s}, theirs: with.theirs, pairs: choose(b, 5, 3), round: with.round}
	defer s.stop()
	if c.ours.client, err = dial(s.port, connections); err != nil {
		return err
	}
	defer c.ours.client.close()
	c.ours.requests = []*request{ask("HEAD", tokenPath(originURL(0)), s.port, 200, aloneSize, "")}
	pairs, err := c.play(ctx)
	if err != nil {
		return err
	}
	ratio := each(pairs, func(p pair) float64 { return p.ours.rate / p.theirs.rate })
	fmt.Fprintf(b.out, "%-9s net/http with nothing to do: %.2f of nginx's rate, %.1f µs of CPU each\n", "", ratio.median,
		1e6*each(pairs, func(p pair) float64 { return p.ours.cpu }).median)
	return nil
}
