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
	"github.com/spf13/pflag"
)

// healthCommand is also the health check of a container that holds this binary and nothing else.
func healthCommand(a *app) *cobra.Command {
	here := newListening()
	c := &cobra.Command{
		Use:   "health",
		Short: "Ask the server on this machine whether it is well: exit status 0 or 1",
		Long: `Ask the server on this machine for /healthz, and print what is wrong. The exit status is 0 when the
server can answer clients, else 1. fromcache help faults lists what it may say. Where it listens is said
by --host and --port, or by FROMCACHE_HOST and FROMCACHE_PORT as for serve.`,
		Args: operands(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			_, text, err := a.askHere(c.Context(), here, nil)
			if text != "ok" && err == nil {
				for _, line := range strings.Split(text, "\n") {
					fmt.Fprintln(a.stdout, printable(line))
				}
			}
			return err
		},
	}
	c.Flags().AddFlagSet(here.flags)
	return c
}

// listening is where the server on this machine listens.
type listening struct {
	host  string
	port  port
	flags *pflag.FlagSet // --host and --port
}

func newListening() *listening {
	l := &listening{port: defaultPort, flags: pflag.NewFlagSet("listening", pflag.ContinueOnError)}
	l.flags.StringVar(&l.host, "host", "127.0.0.1", "`ADDR` that the server listens on")
	l.flags.Var(&l.port, "port", "`PORT` that it listens on")
	return l
}

// isNamed reports whether the call says where it listens.
func (l *listening) isNamed() bool { return l.flags.Changed("host") || l.flags.Changed("port") }

// askHere asks the server on this machine for its health: at the first of the URLs at which one
// answers, or where there are none at the address that the flags or serve's variables name.
func (a *app) askHere(ctx context.Context, l *listening, urls []string) (addr, text string, err error) {
	for _, base := range urls {
		_, addr, _ = strings.Cut(base, "://")
		if text, err = askHealth(ctx, base); err == nil || errors.As(err, new(unwellError)) {
			return addr, text, err
		}
	}
	if len(urls) > 0 {
		return addr, text, err
	}
	if err := setFromVariables(l.flags, a.getenv); err != nil {
		return "", "", err
	}
	addr = net.JoinHostPort(l.host, strconv.Itoa(int(l.port)))
	text, err = askHealth(ctx, "http://"+addr)
	if errors.Is(err, errWantsTLS) {
		text, err = askHealth(ctx, "https://"+addr)
	}
	return addr, text, err
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
