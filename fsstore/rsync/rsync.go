// Package rsync copies a data directory while it is in use, by the rsync that is installed: to a
// replica, which fromcache serve --replica serves meanwhile, or to a backup. It copies nothing
// itself; what it adds is the order.
//
// In a replica no meta is ever without its blob:
//
//  1. the metas are copied into a directory of ours, so that they stand still
//  2. their blobs go to the replica; rsync gives each its name when it is whole
//  3. of the metas those go there whose blobs a listing of the replica has shown
//  4. metas that are gone here are removed there
//  5. blobs are removed that no meta there has named since before this sync began
//
// So a blob outlives its last meta until the next sync: a download that has begun ends, and a reader
// that has just read the old meta finds its blob. A sync that is killed at any point leaves a
// replica that is older in part, and whole.
package rsync

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"fromcache/fsstore"
)

// Options of a Syncer. The zero value of each field is its default.
type Options struct {
	DryRun bool      // change nothing at the destination, print what would be
	Delete bool      // remove from a backup what is gone here; a replica always follows
	Args   []string  // more options of each rsync that has to do with the destination
	Stdout io.Writer // rsync's output; nil: discard
	Stderr io.Writer // rsync's errors; nil: discard
}

// Syncer copies one data directory.
type Syncer struct {
	dir string
	of  string // what the mark of a replica names
	o   Options
}

// New returns a Syncer of a store's directory. Its error says that rsync is missing, or which of
// Options.Args would break what a sync promises.
func New(s *fsstore.Store, o Options) (*Syncer, error) {
	if _, err := exec.LookPath("rsync"); err != nil {
		return nil, errors.New("rsync is not installed: install it here, and on the other host where " +
			"there is one (apt-get install rsync)")
	}
	if err := checkArgs(o.Args); err != nil {
		return nil, err
	}
	host, err := os.Hostname()
	return &Syncer{dir: s.Dir(), of: host + ":" + s.Dir(), o: o}, err
}

// harmful are options of rsync that break a promise, and why.
var harmful = []struct {
	arg *regexp.Regexp
	why string
}{
	{regexp.MustCompile(`^--(inplace|append|append-verify|write-devices)$`), "a file would be changed while it is served"},
	{regexp.MustCompile(`^--partial$|^-[A-Za-z]*P$`), "what is half copied would get the name of the whole: " +
		"a transfer of a blob that was broken off is resumed without it"},
	{regexp.MustCompile(`^--remove-source-files$`), "it would remove what this cache holds"},
	{regexp.MustCompile(`^--(del|delete.*|existing|ignore-existing|ignore-non-existing|files-from.*|max-delete.*` +
		`|exclude.*|include.*|filter.*|cvs-exclude|max-size.*|min-size.*|prune-empty-dirs|update|size-only` +
		`|relative|compare-dest.*|backup.*)$|^-[A-Za-z]*[CFRbmu][A-Za-z]*$|^-f`),
		"what is copied and removed is for sync to say"},
	{regexp.MustCompile(`^(--dry-run|-[A-Za-z]*n|--list-only)$`), "it is --dry-run, before the --"},
}

func checkArgs(args []string) error {
	for _, arg := range args {
		for _, h := range harmful {
			if h.arg.MatchString(arg) {
				return fmt.Errorf("rsync's option %s is not for a sync: %s", arg, h.why)
			}
		}
	}
	return nil
}

// write runs an rsync that writes to the destination. It gives list, if there is one, as the names
// of the files.
func (s *Syncer) write(ctx context.Context, list []string, args ...string) error {
	all := []string{"-a"}
	if s.o.DryRun {
		all = append(all, "-n", "-i")
	}
	if list != nil {
		all = append(all, "--from0", "--files-from=-")
	}
	all = append(append(all, s.o.Args...), args...)
	if s.o.DryRun && s.o.Stdout != nil {
		fmt.Fprintf(s.o.Stdout, "rsync %s\n", strings.Join(all, " "))
	}
	return s.run(ctx, s.o.Stdout, list, all)
}

// vanished is rsync's exit status where files moved on while it came by.
const vanished = 24

// run runs one rsync. A file that vanished meanwhile is no error.
func (s *Syncer) run(ctx context.Context, stdout io.Writer, list, args []string) error {
	c := exec.CommandContext(ctx, "rsync", args...)
	c.Stdin = strings.NewReader(strings.Join(list, "\x00"))
	c.Stdout, c.Stderr = stdout, s.o.Stderr
	c.Cancel = func() error { return c.Process.Signal(syscall.SIGTERM) } // it removes its temporary file
	c.WaitDelay = 10 * time.Second
	err := c.Run()
	exit, ended := errors.AsType[*exec.ExitError](err)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case ended && exit.ExitCode() == vanished:
		return nil
	case ended:
		return &ExitError{exit.ExitCode()}
	}
	return err
}

// ExitError is the error of an rsync that failed. Its own lines say why.
type ExitError struct{ Status int }

func (e *ExitError) Error() string {
	return fmt.Sprintf("rsync ended with status %d: its lines above say why (man rsync, EXIT VALUES)", e.Status)
}

// listLine is a line of rsync --list-only: mode, size, date, time, name.
var listLine = regexp.MustCompile(`(?m)^\S{10,11} +([0-9,.]+) \d+/\d+/\d+ \d+:\d+:\d+ (.+)$`)

// list returns the names in a directory at the destination, and their sizes. One that does not exist
// is empty.
func (s *Syncer) list(ctx context.Context, dir string) (map[string]int64, error) {
	var out, complaint bytes.Buffer
	quiet := *s
	quiet.o.Stderr = &complaint
	args := append([]string{"--list-only"}, s.o.Args...)
	err := quiet.run(ctx, &out, nil, append(args, "--no-human-readable", dir))
	if exit, ok := errors.AsType[*ExitError](err); ok && exit.Status == 23 &&
		strings.Contains(complaint.String(), "No such file") {
		return nil, nil
	}
	if err != nil && s.o.Stderr != nil {
		s.o.Stderr.Write(complaint.Bytes()) //nolint:errcheck // err says that it failed
	}
	found, shown := map[string]int64{}, false
	for _, m := range listLine.FindAllStringSubmatch(out.String(), -1) {
		n, _ := strconv.ParseInt(strings.NewReplacer(",", "", ".", "").Replace(m[1]), 10, 64)
		if m[2][0] != '.' {
			found[m[2]] = n
		}
		shown = shown || m[2] == "."
	}
	if err == nil && !shown { // what can't be read is not empty
		err = fmt.Errorf("rsync's list of %s names not even the directory: "+
			"leave out the option that changes what it prints", dir)
	}
	return found, err
}
