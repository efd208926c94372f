package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// certificate is the pair of --tls-cert and --tls-key, which follows its files.
type certificate struct {
	certFile, keyFile string
	log               *slog.Logger
	current           atomic.Pointer[tls.Certificate]

	cert, key []byte // of current; only one goroutine looks at the files
	failed    bool   // the last look
}

// newCertificate reads the pair. It returns nil where none is named.
func newCertificate(o *serveFlags, log *slog.Logger) (*certificate, error) {
	if o.tlsCert == "" && o.tlsKey == "" {
		return nil, nil
	}
	if o.tlsCert == "" || o.tlsKey == "" {
		return nil, usagef("--tls-cert and --tls-key belong together: give both; they may name one file")
	}
	c := &certificate{certFile: o.tlsCert, keyFile: o.tlsKey, log: log}
	return c, c.reload()
}

// config takes TLS 1.2 and up, and HTTP/2. A nil certificate is plain http.
func (c *certificate) config() *tls.Config {
	if c == nil {
		return nil
	}
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.current.Load(), nil },
	}
}

func (c *certificate) scheme() string {
	if c == nil {
		return "http"
	}
	return "https"
}

// certificateTrouble is what the pages and /healthz say where look returns an error.
const certificateTrouble = "the certificate of --tls-cert ends soon, or can't be read anew, and the one before is still in use: " +
	"put a new pair there; the log says more"

// reload reads the files, and uses what is in them from the next connection on, if it is a pair.
func (c *certificate) reload() error {
	cert, certErr := os.ReadFile(c.certFile)
	key, keyErr := os.ReadFile(c.keyFile)
	if err := errors.Join(certErr, keyErr); err != nil {
		return fmt.Errorf("--tls-cert, --tls-key: %w", err)
	}
	if slices.Equal(cert, c.cert) && slices.Equal(key, c.key) {
		return nil
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return fmt.Errorf("--tls-cert %s, --tls-key %s: %w", c.certFile, c.keyFile, err)
	}
	c.cert, c.key = cert, key
	c.current.Store(&pair)
	c.log.Info("certificate read", "file", c.certFile, "names", pair.Leaf.DNSNames, "until", pair.Leaf.NotAfter.UTC())
	return nil
}

// lookAgain is how long a new certificate may go unnoticed.
const lookAgain = 10 * time.Second

// watch looks at the files until ctx ends, and at once when the service manager asks for a reload.
// It calls trouble with what is wrong with them, or nil. A nil certificate has no files.
func (c *certificate) watch(ctx context.Context, log *slog.Logger, trouble func(error)) error {
	asked := make(chan os.Signal, 1)
	if os.Getenv("NOTIFY_SOCKET") != "" { // else SIGHUP is a terminal that closes, and ends the server
		signal.Notify(asked, syscall.SIGHUP)
		defer signal.Stop(asked)
	}
	tick := time.NewTicker(lookAgain)
	defer tick.Stop()
	for {
		if c != nil {
			trouble(c.look())
		}
		select {
		case <-ctx.Done():
			return nil
		case <-asked:
			tellManager(log, daemon.SdNotifyReloading)
			if c != nil {
				trouble(c.look())
			}
			tellManager(log, daemon.SdNotifyReady)
		case <-tick.C:
		}
	}
}

// look reloads, and returns what an operator should know. Files that make no pair are no trouble
// at the first look, because one of them may have been written a moment before the other.
func (c *certificate) look() error {
	err := c.reload()
	before := c.failed
	if c.failed = err != nil; err != nil && before {
		return err
	}
	return expiring(c.current.Load(), time.Now())
}

// expiring says when a certificate is about to end: when a tenth of its time is left, a week at
// most.
func expiring(pair *tls.Certificate, now time.Time) error {
	leaf := pair.Leaf
	soon := min(leaf.NotAfter.Sub(leaf.NotBefore)/10, 7*24*time.Hour)
	if left := leaf.NotAfter.Sub(now); left < soon {
		return fmt.Errorf("it ends at %s", leaf.NotAfter.UTC().Format(time.RFC3339))
	}
	return nil
}
