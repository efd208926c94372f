package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"fromcache/fsstore"
	"fromcache/fsstore/key"
	"fromcache/httpd/operate"
)

func addCommand(a *app) *cobra.Command {
	var add operate.Addition
	c := &cobra.Command{
		Use:   "add URL...",
		Short: "Queue URLs that nobody need have asked for",
		Long: `Queue URLs, which makes them approved. What is held already is asked for again, and fetched where the
origin has another version. A data directory that --data-dir or FROMCACHE_DATA_DIR names is made where
there is none.`,
		Args:              operands(1, -1),
		ValidArgsFunction: noFiles,
		RunE: func(c *cobra.Command, urls []string) error {
			if add.SHA256 != "" && len(urls) > 1 {
				return usagef("--sha256 is the digest of one artifact: give one URL")
			}
			if err := checkAccepts(add.Accept); err != nil {
				return err
			}
			return a.add(c.Context(), add, urls)
		},
	}
	f := c.Flags()
	f.Func("sha256", "the digest that the artifact must have, in `HEX`; for one URL only", setDigest(&add.SHA256))
	f.StringSliceVar(&add.Accept, "accept", nil,
		"allow `WHAT` although it is refused by default: any, text/html or http, or private; may be repeated")
	must(c.RegisterFlagCompletionFunc("accept", completeWords("any", "text/html", "http", "private")))
	return c
}

// add queues each URL. One that fails does not keep the rest from being queued.
func (a *app) add(ctx context.Context, add operate.Addition, urls []string) error {
	c, err := a.openNamedCache(fsstore.Options{})
	if err != nil {
		return err
	}
	var failed []error
	for _, add.URL = range urls {
		if name, err := c.Add(ctx, add); err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", key.Redact(add.URL), err))
		} else {
			fmt.Fprintf(a.stdout, "queued %s\n", printable(name))
		}
	}
	return a.reportAll(failed)
}

// checkAccepts returns a usage error for a word that --accept does not know.
func checkAccepts(words []string) error {
	for _, word := range words {
		if !slices.Contains(operate.Acceptable, word) {
			return usagef("--accept %q: give any, text/html or http, or private", word)
		}
	}
	return nil
}
