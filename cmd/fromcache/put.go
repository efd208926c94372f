package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"fromcache/fsstore"
	"fromcache/fsstore/key"
	"fromcache/fsstore/kind"
	"fromcache/httpd/operate"
)

func putCommand(a *app) *cobra.Command {
	var add operate.Addition
	minFree := defaultMinFree
	c := &cobra.Command{
		Use:   "put URL FILE",
		Short: "Hold FILE as the artifact of URL",
		Long: `Hold FILE as the artifact of URL: a file that came on a disk, or that was fetched in another way.
It is judged by the URL's name, as a download is.

FILE - is standard input. It can't be told whether a pipe has come to its end or broke off: give
--sha256 then, or a file.`,
		Args: operands(2, 2),
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) == 1 {
				return nil, cobra.ShellCompDirectiveDefault
			}
			return nil, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(c *cobra.Command, args []string) error {
			if err := checkAccepts(add.Accept); err != nil {
				return err
			}
			if server, err := a.farServer(); err != nil || server != "" && c.Flags().Changed("min-free") {
				return cmp.Or(err, usagef("--min-free is for a data directory: a server has its own reserve"))
			}
			add.URL = args[0]
			return a.put(c.Context(), add, args[1], minFree)
		},
	}
	f := c.Flags()
	f.Func("sha256", "the digest that FILE must have, in `HEX`", setDigest(&add.SHA256))
	f.StringSliceVar(&add.Accept, "accept", nil,
		"keep FILE although URL's name says otherwise: `WHAT` is text/html for a page, any for anything")
	f.Var(&minFree, "min-free", "leave at least this `SIZE` free; 0 or off: no reserve")
	must(c.RegisterFlagCompletionFunc("accept", completeWords("any", "text/html")))
	return c
}

func (a *app) put(ctx context.Context, add operate.Addition, file string, minFree size) error {
	ctx, stop := interruptible(ctx)
	defer stop()
	from, size, err := a.openFile(file)
	if err != nil {
		return err
	}
	defer from.Close()
	c, err := a.openNamedCache(fsstore.Options{MinFree: int64(minFree)})
	if err != nil {
		return err
	}
	return a.carryIn(ctx, c, add, from, size)
}

// openFile opens FILE, of which size -1 is unknown.
func (a *app) openFile(name string) (io.ReadCloser, int64, error) {
	if name == "-" {
		return io.NopCloser(a.stdin), -1, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		err = fmt.Errorf("%s is a directory: name a file", name)
	}
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	if !info.Mode().IsRegular() {
		return f, -1, nil
	}
	return f, info.Size(), nil
}

var errInterrupted = errors.New("interrupted")

// carryIn lets the operator see how far it has come, and how it ended.
func (a *app) carryIn(ctx context.Context, c operate.Cache, add operate.Addition, from io.Reader, size int64) error {
	show := a.progress("put")
	art, err := c.Put(ctx, add, from, size, func(have int64) error {
		show.at(have, size)
		if ctx.Err() != nil {
			return errInterrupted
		}
		return nil
	})
	show.end()
	if err != nil && ctx.Err() != nil {
		err = errInterrupted
	}
	if err != nil {
		return fmt.Errorf("%s: %w", key.Redact(add.URL), putError(err))
	}
	_, err = fmt.Fprintf(a.stdout, "held %s\n%s  %s\n", printable(art.Key), printable(art.SHA256), bytes(art.Size))
	return err
}

func putError(err error) error {
	if short, ok := errors.AsType[*fsstore.NotWhole](err); ok && short.Err == nil {
		return fmt.Errorf("the file changed while it was read, from %d bytes to %d: put it once it is whole", short.Size, short.Have)
	}
	if m, ok := errors.AsType[*kind.Mismatch](err); ok {
		return fmt.Errorf("%w; to keep it all the same: --accept %s", m, m.Accept)
	}
	return err
}
