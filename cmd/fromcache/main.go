package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"

	"github.com/spf13/cobra"
)

func main() {
	os.Exit(run(context.Background(), os.Args, os.Getenv, os.Stdin, os.Stdout, os.Stderr))
}

// app is one call of the program.
type app struct {
	where
	stdin  io.Reader
	stdout io.Writer
}

// A usageError is a call that can't be understood: exit status 2.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// An unknownError keeps a verb from telling what it was asked: exit status 2.
type unknownError struct{ error }

// errReported ends the program with status 1 after everything has been printed.
var errReported = errors.New("failed")

// run is the whole program but for the process: args[0] is the name that it was called by. It
// returns the exit status: 0, 1 when it failed, 2 when the call can't be understood.
func run(ctx context.Context, args []string, getenv func(string) string, stdin io.Reader, stdout, stderr io.Writer) int {
	a := &app{where{getenv: getenv, stderr: stderr}, stdin, stdout}
	root := a.command()
	root.SetArgs(arguments(args))
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	cmd, err := root.ExecuteContextC(ctx)
	var usage usageError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &usage):
		fmt.Fprintf(stderr, "fromcache: %s\nfor help: %s\n", oneLine(err), helpCall(cmd))
		return 2
	case errors.As(err, new(unknownError)):
		fmt.Fprintf(stderr, "fromcache: %s\n", oneLine(err))
		return 2
	case !errors.Is(err, errReported):
		fmt.Fprintf(stderr, "fromcache: %s\n", oneLine(err))
	}
	return 1
}

// helpCall is the command that explains cmd.
func helpCall(cmd *cobra.Command) string {
	if !cmd.HasParent() || cmd.Name() == "help" {
		return "fromcache help"
	}
	return "fromcache help " + cmd.Name()
}

var oneDash = regexp.MustCompile(`^-[A-Za-z][A-Za-z-]`)

// arguments returns what follows the program's name. A program called fromcache-server is fromcache
// serve. Flags of one dash, as in -data-dir, get their second, because scripts may use them: until
// now they were accepted. There are no clusters of short flags that this could spoil.
func arguments(args []string) []string {
	var all []string
	if filepath.Base(args[0]) == "fromcache-server" {
		all = append(all, "serve")
	}
	for i, arg := range args[1:] {
		if arg == "--" {
			return append(all, args[1+i:]...)
		}
		if oneDash.MatchString(arg) {
			arg = "-" + arg
		}
		all = append(all, arg)
	}
	if all == nil {
		return []string{} // cobra takes nil for "read os.Args"
	}
	return all
}

func (a *app) withOutput(w io.Writer) *app {
	b := *a
	b.stdout = w
	return &b
}
