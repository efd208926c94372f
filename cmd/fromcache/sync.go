package main

import (
	"context"
	"errors"
	"fmt"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"fromcache/fsstore"
	"fromcache/fsstore/rsync"
)

const syncLong = `Run rsync so that each DEST becomes a replica of the data directory, which fromcache serve --replica
serves meanwhile: blobs before the metas that name them, and what is gone is removed, metas first. A
blob that no meta names any more goes with the next sync, because downloads of it may run. README,
queries/, blobs/ and meta/ are copied: no jobs, no tokens, no secret.

With --backup DEST becomes a backup, from which all can be restored; nothing is removed there unless
--delete is given. fromcache help backup says more of both.

DEST is as rsync takes it: DIR, HOST:DIR, USER@HOST:DIR or rsync://HOST/MODULE/DIR. It is made where it
is missing, but not the directories above it. One that is another cache's data directory, or holds
something else, is refused. What follows -- goes to each rsync that has to do with DEST.`

func syncCommand(a *app) *cobra.Command {
	var backup bool
	var o rsync.Options
	c := &cobra.Command{
		Use:   "sync DEST... [-- RSYNC-OPTION...]",
		Short: "Make replicas or backups of the data directory, by rsync",
		Long:  syncLong,
		RunE: func(c *cobra.Command, args []string) error {
			dests := args
			if n := c.ArgsLenAtDash(); n >= 0 {
				dests, o.Args = args[:n], args[n:]
			}
			switch {
			case len(dests) == 0:
				return usagef("sync needs DEST...")
			case o.Delete && !backup:
				return usagef("--delete is for a --backup: a replica loses what is gone in any case")
			}
			return a.sync(c.Context(), dests, backup, o)
		},
	}
	c.Flags().BoolVar(&backup, "backup", false, "copy all that is needed to restore, and not a replica")
	c.Flags().BoolVar(&o.Delete, "delete", false, "with --backup: remove there what is gone here")
	c.Flags().BoolVar(&o.DryRun, "dry-run", false, "change nothing at DEST, print what would be done")
	return c
}

// sync copies to one destination after the other. One that fails does not keep the rest from it.
func (a *app) sync(ctx context.Context, dests []string, backup bool, o rsync.Options) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := hasData(a.store.dir); err != nil {
		return a.noData(err)
	}
	s, err := fsstore.Open(a.store.dir, fsstore.Options{Replica: true}) // it only reads
	if err != nil {
		return err
	}
	o.Stdout, o.Stderr = a.stdout, a.stderr
	syncer, err := rsync.New(s, o)
	if err != nil {
		return err
	}
	var failed []error
	for _, dest := range dests {
		err := a.syncTo(ctx, syncer, dest, backup)
		if errors.Is(err, context.Canceled) {
			return errors.New("broken off: what is there is whole, and the next sync goes on")
		}
		if err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", dest, err))
		}
	}
	return a.reportAll(failed)
}

func (a *app) syncTo(ctx context.Context, s *rsync.Syncer, dest string, backup bool) error {
	if backup {
		err := s.Backup(ctx, dest)
		if err == nil {
			fmt.Fprintf(a.stdout, "%s: backed up\n", printable(dest))
		}
		return err
	}
	r, err := s.Replica(ctx, dest)
	if err != nil {
		return err
	}
	fmt.Fprintf(a.stdout, "%s: %d artifacts; evicted %d, freed %d blobs\n",
		printable(dest), r.Artifacts, r.Evicted, r.Freed)
	if r.Lacking > 0 {
		return fmt.Errorf("%d artifacts are left as they were there, because their blobs are not in blobs/: "+
			"sync again; if they stay, run fromcache fsck", r.Lacking)
	}
	return nil
}
