package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"fromcache/fsstore"
)

func gcCommand(a *app) *cobra.Command {
	var o fsstore.GCOptions
	older := span(24 * time.Hour)
	c := &cobra.Command{
		Use:   "gc",
		Short: "Take blobs that no meta names out of service, and free the old ones",
		Long: `Take blobs that no meta names out of service, and free those that have been so for a day. A server
does this every hour, and sooner when space is short.

gc takes nothing where more than ten blobs, and more than a tenth of all blobs or of their bytes,
would go that no verb has evicted or replaced: then meta/ may have been lost. --force takes them.`,
		Args: operands(0, 0),
		RunE: func(*cobra.Command, []string) error {
			o.Older = time.Duration(older)
			return a.gc(o)
		},
	}
	c.Flags().BoolVar(&o.DryRun, "dry-run", false, "change nothing, print what would be done")
	c.Flags().BoolVar(&o.Force, "force", false, "take what no meta names, however much it is")
	c.Flags().Var(&older, "older", "free what has been out of service for this `SPAN`")
	return c
}

func (a *app) gc(o fsstore.GCOptions) error {
	s, err := writable(a.openStore(fsstore.Options{}))
	if err != nil {
		return err
	}
	r, err := s.GC(o)
	for _, l := range []struct {
		what  string
		blobs []string
	}{{"out of service", r.Gone}, {"held back", r.Held}, {"back in service", r.Restored}, {"freed", r.Unlinked}} {
		for _, name := range l.blobs {
			fmt.Fprintf(a.stdout, "%s %s\n", l.what, printable(name))
		}
	}
	freed := "freed"
	if o.DryRun {
		freed = "would be freed"
	}
	fmt.Fprintf(a.stdout, "%d blobs out of service, %d back, %d gone for good: %s %s\n",
		len(r.Gone), len(r.Restored), len(r.Unlinked), bytes(r.Bytes), freed)
	return err
}
