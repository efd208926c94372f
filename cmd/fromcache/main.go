// Fromcache is the cache-host and its operator's verbs.
//
// fromcache serve answers clients, shows the operator's pages and fetches what was approved. Every other verb works on the
// data directory itself, whether a server runs or not: it makes the same calls as the pages do, which are the same renames
// that a shell would do. So there is no protocol between a verb and the server, and nothing to lock.
//
// This package is wiring: flags, signals, the listening socket, and columns for people. What a verb does is in fsstore.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

func main() {
	os.Exit(run(context.Background(), os.Args, os.Getenv, os.Stdin, os.Stdout, os.Stderr))
}

// app is one call of the program.
type app struct {
	getenv         func(string) string
	stdin          io.Reader
	stdout, stderr io.Writer
	dataDir        string // --data-dir before the verb, "" where there was none
}

// usageError is a call that can't be understood: exit status 2.
type usageError struct {
	verb string // whose help tells more; "" is the list of verbs
	err  error
}

func (e usageError) Error() string { return e.err.Error() }

// errQuiet ends the program with status 1 when all there is to say has been said.
var errQuiet = errors.New("failed")

// run is the whole program but for the process: args[0] is the name it was called by. It returns the exit status: 0, 1 when
// it failed, 2 when the call can't be understood.
func run(ctx context.Context, args []string, getenv func(string) string, stdin io.Reader, stdout, stderr io.Writer) int {
	a := &app{getenv: getenv, stdin: stdin, stdout: stdout, stderr: stderr}
	err := a.dispatch(ctx, args)
	var usage usageError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &usage):
		fmt.Fprintf(stderr, "fromcache: %s\nfor help: fromcache help%s\n", oneLine(err), strings.TrimSuffix(" "+usage.verb, " "))
		return 2
	case !errors.Is(err, errQuiet):
		fmt.Fprintf(stderr, "fromcache: %s\n", oneLine(err))
	}
	return 1
}

func (a *app) withOutput(w io.Writer) *app {
	b := *a
	b.stdout = w
	return &b
}

// dispatch finds the verb. Its flags stand before or after its operands; --data-dir may stand before the verb as well.
func (a *app) dispatch(ctx context.Context, args []string) error {
	name, args := filepath.Base(args[0]), args[1:]
	if name == "fromcache-server" {
		return a.runVerb(ctx, "serve", args)
	}
	global := flag.NewFlagSet("fromcache", flag.ContinueOnError)
	global.SetOutput(io.Discard)
	global.StringVar(&a.dataDir, "data-dir", "", "")
	version := global.Bool("version", false, "")
	switch err := global.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return a.help(nil)
	case err != nil:
		return usageError{err: err}
	case *version:
		return a.runVerb(ctx, "version", nil)
	case global.NArg() == 0:
		return usageError{err: errors.New("no verb given")}
	case global.Arg(0) == "help":
		return a.help(global.Args()[1:])
	}
	return a.runVerb(ctx, global.Arg(0), global.Args()[1:])
}

func (a *app) runVerb(ctx context.Context, name string, args []string) error {
	v, ok := findVerb(name)
	if !ok {
		return usageError{err: fmt.Errorf("there is no verb %q", name)}
	}
	f := flag.NewFlagSet(name, flag.ContinueOnError)
	f.SetOutput(io.Discard)
	do := v.setup(a, f)
	operands, err := parseMixed(f, args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return a.help([]string{name})
	case err != nil:
		return usageError{name, err}
	case len(operands) < v.min:
		return usageError{name, fmt.Errorf("%s wants %s", name, v.operands)}
	case v.max >= 0 && len(operands) > v.max:
		return usageError{name, fmt.Errorf("%s does not know what to do with %q", name, operands[v.max])}
	}
	err = do(ctx, operands)
	var usage usageError
	if errors.As(err, &usage) && usage.verb == "" {
		return usageError{name, usage.err}
	}
	return err
}

// parseMixed parses flags wherever they stand among the operands. What follows "--" is operands.
func parseMixed(f *flag.FlagSet, args []string) ([]string, error) {
	var operands []string
	for {
		if err := f.Parse(args); err != nil {
			return nil, err
		}
		rest := f.Args()
		if read := len(args) - len(rest); len(rest) == 0 || read > 0 && args[read-1] == "--" {
			return append(operands, rest...), nil
		}
		operands, args = append(operands, rest[0]), rest[1:]
	}
}
