package main

import (
	"context"
	"fmt"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"fromcache/fsstore"
)

func fsckCommand(a *app) *cobra.Command {
	var o fsstore.FsckOptions
	c := &cobra.Command{
		Use:   "fsck",
		Short: "Check every blob, meta and job file",
		Long: `Check every blob, meta and job file, and say what to do about each problem. It reads every blob,
so it takes as long as the disk needs for that. The exit status is 1 when a problem is left.`,
		Args: operands(0, 0),
		RunE: func(c *cobra.Command, _ []string) error { return a.fsck(c.Context(), o) },
	}
	c.Flags().BoolVar(&o.Repair, "repair", false,
		"take rotten blobs out of service, write lost metas anew, put orphans back, sweep tmp/")
	c.Flags().BoolVar(&o.Quick, "quick", false, "read no blob")
	return c
}

func (a *app) fsck(ctx context.Context, o fsstore.FsckOptions) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	s, err := a.openStore(fsstore.Options{})
	if err == nil && o.Repair {
		err = s.Writable()
	}
	if err != nil {
		return err
	}
	show := a.progress("read")
	o.Progress = show.at
	report, err := s.Fsck(ctx, o)
	show.end()
	if left := a.printProblems(report); err == nil && left > 0 {
		err = errReported
	}
	return err
}

// printProblems returns how many were not repaired.
func (a *app) printProblems(r fsstore.FsckReport) (left int) {
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
		fmt.Fprintf(a.stdout, "kept: tmp/%s: a blob that is not what its name said, and may be the only copy: rm it once its artifact is held again, or is not wanted\n", printable(name))
	}
	fmt.Fprintf(a.stdout, "%d artifacts, %d blobs (%s read), %d jobs: %d problems, %d repaired\n",
		r.Artifacts, r.Blobs, bytes(r.Bytes), r.Jobs, len(r.Problems), len(r.Problems)-left)
	return left
}
