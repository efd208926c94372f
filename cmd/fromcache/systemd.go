package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/activation"
	"github.com/coreos/go-systemd/v22/daemon"
)

// tellManager tells the service manager how the server is, in lines as sd_notify(3) lists them. A
// server that was started otherwise, without NOTIFY_SOCKET, tells nobody.
func tellManager(log *slog.Logger, lines ...string) {
	if _, err := daemon.SdNotify(false, strings.Join(lines, "\n")); err != nil {
		log.Warn("the service manager can't be told", "err", err)
	}
}

// inherited returns the socket that the service manager holds for this server, sd_listen_fds(3), or
// nil where it holds none. Whoever connects while the server restarts waits in that socket.
func inherited() (net.Listener, error) {
	sockets, err := activation.Listeners()
	if len(sockets) == 0 || err != nil {
		return nil, err
	}
	first, ok := sockets[0].(*net.TCPListener)
	if len(sockets) > 1 || !ok {
		return nil, fmt.Errorf("the service manager hands over %d sockets: give the socket unit one ListenStream= of TCP, as in ListenStream=3000", len(sockets))
	}
	return first, nil
}

// watchdog tells the service manager, every third of the time that it allows, that the server
// lives, as long as alive says so. It returns at once where the manager does not ask for it,
// sd_watchdog_enabled(3).
func watchdog(ctx context.Context, log *slog.Logger, alive func(context.Context) error) error {
	within, err := daemon.SdWatchdogEnabled(false)
	if within == 0 || err != nil {
		return err
	}
	tick := time.NewTicker(within / 3)
	defer tick.Stop()
	for {
		look, end := context.WithTimeout(ctx, within/3)
		err := alive(look)
		end()
		if err == nil {
			tellManager(log, daemon.SdNotifyWatchdog)
		} else if ctx.Err() == nil {
			log.Warn("the server does not answer itself: the service manager will restart it", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// answersItself returns a check that a server answers at one of the URLs, whatever it says of its
// health, because a restart mends no disk. It also passes while crowded reports that connections
// wait for room: a restart would break off those that have it.
func answersItself(urls []string, crowded func() bool) func(context.Context) error {
	return func(ctx context.Context) error {
		var errs []error
		for _, base := range urls {
			_, err := askHealth(ctx, base)
			if err == nil || errors.As(err, new(unwellError)) {
				return nil
			}
			errs = append(errs, err)
		}
		if crowded() {
			return nil
		}
		return errors.Join(errs...)
	}
}
