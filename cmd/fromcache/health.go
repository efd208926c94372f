package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// healthCommand is also the health check of a container that holds this binary and nothing else.
func healthCommand(a *app) *cobra.Command {
	var host string
	listen := port(defaultPort)
	c := &cobra.Command{
		Use:   "health",
		Short: "Ask the server on this machine whether it is well: exit status 0 or 1",
		Long: `Ask the server on this machine for /healthz, and print what is wrong. The exit status is 0 when the
server can answer clients, else 1. fromcache help faults lists what it may say.`,
		Args: operands(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			addr := net.JoinHostPort(host, strconv.Itoa(int(listen)))
			text, err := askHealth(c.Context(), "http://"+addr)
			if errors.Is(err, errWantsTLS) {
				text, err = askHealth(c.Context(), "https://"+addr)
			}
			if text != "ok" && err == nil {
				for _, line := range strings.Split(text, "\n") {
					fmt.Fprintln(a.stdout, printable(line))
				}
			}
			return err
		},
	}
	c.Flags().StringVar(&host, "host", "127.0.0.1", "`ADDR` that it listens on")
	c.Flags().Var(&listen, "port", "`PORT` that it listens on")
	return c
}

// unwellError is what a server says that is not well.
type unwellError struct{ error }

var errWantsTLS = errors.New("the server wants TLS")

// askHealth returns what the server at base, a URL without a path, says of itself; where it is not well that is an unwellError.
func askHealth(ctx context.Context, base string) (string, error) {
	ctx, stop := context.WithTimeout(ctx, 5*time.Second)
	defer stop()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/healthz", nil)
	if err != nil {
		return "", err
	}
	// No proxy, and any certificate: the server is on this machine.
	way := &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	answer, err := (&http.Client{Transport: way}).Do(req)
	if err != nil {
		return "", fmt.Errorf("no server answers: %w; say where it listens with --host and --port", err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(io.LimitReader(answer.Body, 16<<10))
	text := strings.TrimSpace(string(b))
	if strings.Contains(text, "HTTP request to an HTTPS server") { // net/http's words
		return "", errWantsTLS
	}
	if answer.StatusCode != http.StatusOK {
		return "", unwellError{errors.Join(fmt.Errorf("%s: %s", answer.Status, text), err)}
	}
	return text, err
}
