package main

import (
	"context"
	"flag"
	"fmt"
	"time"

	"fromcache/fsstore"
)

func (a *app) gc(f *flag.FlagSet) func(context.Context, []string) error {
	dir := a.storeFlags(f)
	older := span(24 * time.Hour)
	dry := f.Bool("dry-run", false, "change nothing, say what would be done")
	force := f.Bool("force", false, "take what nothing names, however much it is; without it gc takes nothing where more than a tenth would go, and more than ten blobs, that no verb has evicted")
	f.Var(&older, "older", "free what has been out of service for this `SPAN`")
	return func(context.Context, []string) error {
		s, err := dir.open(fsstore.Options{})
		if err != nil {
			return err
		}
		r, err := s.GC(fsstore.GCOptions{DryRun: *dry, Older: time.Duration(older), Force: *force})
		for _, l := range []struct {
			what  string
			blobs []string
		}{{"out of service", r.Gone}, {"held back", r.Held}, {"back in service", r.Restored}, {"freed", r.Unlinked}} {
			for _, name := range l.blobs {
				fmt.Fprintf(a.stdout, "%s %s\n", l.what, printable(name))
			}
		}
		verb := "freed"
		if *dry {
			verb = "would be freed"
		}
		fmt.Fprintf(a.stdout, "%d blobs out of service, %d back, %d gone for good: %s %s\n", len(r.Gone), len(r.Restored), len(r.Unlinked), bytes(r.Bytes), verb)
		return err
	}
}
