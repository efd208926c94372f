package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// health is the health check of a container that holds this binary and nothing else.
func (a *app) health(f *flag.FlagSet) func(context.Context, []string) error {
	host := f.String("host", "127.0.0.1", "`ADDR` that it listens on")
	port := port(defaultPort)
	f.Var(&port, "port", "`PORT` that it listens on")
	return func(ctx context.Context, _ []string) error {
		text, err := askHealth(ctx, net.JoinHostPort(*host, port.String()))
		if text != "ok" && err == nil {
			fmt.Fprintln(a.stdout, text)
		}
		return err
	}
}

// askHealth returns what the server says of itself, which is an error where it is not well.
func askHealth(ctx context.Context, addr string) (string, error) {
	ctx, stop := context.WithTimeout(ctx, 5*time.Second)
	defer stop()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/healthz", nil)
	if err != nil {
		return "", err
	}
	// No proxy: the server is on this machine.
	answer, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		return "", fmt.Errorf("no server answers: %w; say where it listens with --host and --port", err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(io.LimitReader(answer.Body, 16<<10))
	text := strings.TrimSpace(string(b))
	if answer.StatusCode != http.StatusOK {
		return "", errors.Join(fmt.Errorf("%s: %s", answer.Status, text), err)
	}
	return text, err
}
