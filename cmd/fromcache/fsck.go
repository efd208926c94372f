package main

import (
	"context"
	"flag"
	"fmt"
	"os/signal"
	"syscall"

	"fromcache/fsstore"
)

// fsck is for a quiet hour: it reads every blob. Exit status 1 when a problem is left.
func (a *app) fsck(f *flag.FlagSet) func(context.Context, []string) error {
	dir := a.storeFlags(f)
	var o fsstore.FsckOptions
	f.BoolVar(&o.Repair, "repair", false, "take what is bad out of service, and queue it again")
	f.BoolVar(&o.Quick, "quick", false, "look at sizes only, read no blob")
	return func(ctx context.Context, _ []string) error {
		ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
		defer stop()
		s, err := dir.open(fsstore.Options{})
		if err != nil {
			return err
		}
		show := a.progress("read")
		o.Progress = show.at
		report, err := s.Fsck(ctx, o)
		show.end()
		if left := a.problems(report); err == nil && left > 0 {
			err = errQuiet
		}
		return err
	}
}

func (a *app) problems(r fsstore.FsckReport) (left int) {
	for _, p := range r.Problems {
		mark := "problem"
		if p.Repaired {
			mark = "repaired"
		} else {
			left++
		}
		fmt.Fprintf(a.stdout, "%s: %s: %s: %s\n", mark, printable(p.Path), printable(p.Text), printable(p.Do))
	}
	for _, name := range r.Rotten {
		fmt.Fprintf(a.stdout, "kept: tmp/%s: a blob that the disk has spoilt, and may be the only copy: rm it once its artifact is held again, or is not wanted\n", printable(name))
	}
	fmt.Fprintf(a.stdout, "%d artifacts, %d blobs (%s read), %d jobs: %d problems, %d repaired\n",
		r.Artifacts, r.Blobs, bytes(r.Bytes), r.Jobs, len(r.Problems), len(r.Problems)-left)
	return left
}
