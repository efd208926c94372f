package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/renameio/v2"
	"github.com/spf13/cobra"

	"fromcache/fsstore"
	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
)

func exportCommand(a *app) *cobra.Command {
	var wants, list string
	c := &cobra.Command{
		Use:   "export DEST [KEY|GLOB|URL...]",
		Short: "Write artifacts to a bundle for another cache, or misses to a list",
		Long: `Write artifacts to DEST, a bundle: a data directory that fromcache serve, fsck and import take. Without
KEY, GLOB and URL it gets all artifacts. It is made where it is not there; what it holds already stays,
and an export that was interrupted goes on when the same call is made again. A data directory with
a job, a miss, a denial or a token is a cache of its own, not a bundle: use fromcache import there.

export --wants FILE [KEY|GLOB|URL...] writes the URLs of misses to FILE instead, a list that queue/
takes on a machine that can fetch them; FILE - is standard output. There, export --list FILE DEST
writes what came of them, and import DEST closes the misses here.

` + operandsLong + `

Credentials are not exported: no password, token or file of --origins, and no URL that holds one.`,
		Args: func(c *cobra.Command, args []string) error {
			if wants == "" && len(args) == 0 {
				return usagef("export needs DEST, or --wants FILE")
			}
			if wants != "" && list != "" {
				return usagef("--wants and --list exclude each other: give one")
			}
			return nil
		},
		ValidArgsFunction: func(c *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
			switch {
			case wants != "":
				return a.complete("misses")(c, args, begun)
			case len(args) == 0:
				return nil, cobra.ShellCompDirectiveFilterDirs
			}
			return a.complete("meta")(c, args, begun)
		},
		RunE: func(c *cobra.Command, args []string) error {
			if wants != "" {
				return a.exportWants(wants, args)
			}
			return a.export(c.Context(), args[0], list, args[1:])
		},
	}
	f := c.Flags()
	f.StringVar(&wants, "wants", "", "write the URLs of misses to `FILE`, and no artifact")
	f.StringVar(&list, "list", "", "write the artifacts of the URLs in `FILE`, which --wants has written")
	return c
}

// export writes the artifacts that the operands and the list name to a bundle.
func (a *app) export(ctx context.Context, dest, list string, operands []string) error {
	ctx, stop := interruptible(ctx)
	defer stop()
	from, rule, err := a.ownSource()
	if err != nil {
		return err
	}
	t := a.transfer(ctx, "export")
	urls, flaws, err := urlsIn(list)
	if err != nil {
		return err
	}
	for _, err := range flaws {
		t.fail("", err)
	}
	operands = append(operands, urls...)
	keys, err := from.Keys()
	if err != nil {
		return err
	}
	keys, unmatched := chosen(keys, operands, from.KeyOf)
	for _, err := range unmatched {
		t.fail("", err)
	}
	if len(keys) == 0 && len(unmatched) > 0 {
		return t.report("exported", "") // and DEST is not made for nothing
	}
	bundle, err := openBundle(from, dest, rule)
	if err != nil {
		return err
	}
	for _, k := range keys {
		in, err := from.Artifact(k)
		if in == nil && err == nil {
			continue // evicted meanwhile
		}
		var outcome fsstore.Outcome
		if err == nil {
			outcome, err = bundle.Export(ctx, in, t.progressed)
		}
		if err := t.count(outcome, k+": ", err); err != nil {
			return err
		}
	}
	return t.report("exported", "")
}

// urlsIn returns the URLs of a list that --wants has written, and what is wrong with its lines. It
// has no URL where there is no list.
func urlsIn(list string) (urls []string, flaws []error, err error) {
	if list == "" {
		return nil, nil, nil
	}
	b, err := os.ReadFile(list)
	if err != nil {
		return nil, nil, err
	}
	parsed := job.Parse(b)
	for i := range parsed.Jobs {
		urls = append(urls, parsed.Jobs[i].URL)
	}
	for _, bad := range parsed.Bad {
		flaws = append(flaws, fmt.Errorf("%s: line %d: %s", list, bad.N, bad.Why))
	}
	if len(urls) == 0 {
		err = fmt.Errorf("%s has no URL", list)
	}
	return urls, flaws, err
}

// ownSource opens this cache's data directory for reading.
func (a *app) ownSource() (*fsstore.Source, key.Rule, error) {
	rule, err := a.rule()
	if err != nil {
		return nil, 0, err
	}
	if err := hasData(a.store.dir); err != nil {
		return nil, 0, a.noData(err)
	}
	dir, err := filepath.Abs(a.store.dir)
	if err != nil {
		return nil, 0, err
	}
	from, err := fsstore.OpenSource(dir, rule)
	if err != nil {
		err = fmt.Errorf("%w; name the data directory with --data-dir or FROMCACHE_DATA_DIR", err)
	}
	return from, rule, err
}

// openBundle opens DEST, and makes it where it is not there.
func openBundle(from *fsstore.Source, dest string, rule key.Rule) (*fsstore.Store, error) {
	dest, err := filepath.Abs(dest)
	if err != nil {
		return nil, err
	}
	if from.Within(dest) {
		return nil, fmt.Errorf("%s lies in the data directory that is exported: name another", dest)
	}
	bundle, err := fsstore.Open(dest, fsstore.Options{Rule: rule})
	if other, ok := errors.AsType[*fsstore.ForeignError](err); ok {
		return nil, fmt.Errorf("%s: name an empty or new DEST", other.About())
	}
	if err != nil {
		return nil, err
	}
	if err := bundle.CheckBundle(); err != nil {
		return nil, err
	}
	return bundle, bundle.SweepBundle()
}

// chosen returns the names that the operands choose, in their order, and an error for each operand
// that chooses none. Without an operand it is all of them. find returns the name of a URL.
func chosen(names, operands []string, find func(rawURL string) (string, error)) (found []string, errs []error) {
	if len(operands) == 0 {
		return names, nil
	}
	found = slices.Clone(names)
	wanted := map[string]bool{}
	for _, operand := range operands {
		matches, err := matching(names, operand, find)
		if err != nil {
			errs = append(errs, err)
		}
		for _, name := range matches {
			wanted[name] = true
		}
	}
	return slices.DeleteFunc(found, func(name string) bool { return !wanted[name] }), errs
}

// matching returns the names that one operand chooses: a key, a glob, a path or a URL.
func matching(names []string, operand string, find func(rawURL string) (string, error)) (found []string, err error) {
	if strings.Contains(operand, "://") {
		name, err := find(operand)
		if errors.Is(err, fs.ErrNotExist) {
			err = errors.New("it is not there")
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", key.Redact(operand), err)
		}
		return []string{name}, nil
	}
	glob := strings.TrimSuffix(path.Base(operand), ".json")
	for _, name := range names {
		if ok, err := path.Match(glob, name); err != nil {
			return nil, fmt.Errorf("%s: %w", operand, err)
		} else if ok || name == glob {
			found = append(found, name)
		}
	}
	if len(found) == 0 {
		err = fmt.Errorf("nothing matches %s, which has to match a whole name", operand)
	}
	return found, err
}

// exportWants writes the misses that the operands choose as a list for queue/.
func (a *app) exportWants(file string, operands []string) error {
	from, _, err := a.ownSource()
	if err != nil {
		return err
	}
	misses, failed := chosenMisses(from, operands)
	var text strings.Builder
	n := 0
	for _, m := range misses {
		lines, err := from.Want(m)
		if err != nil {
			failed = append(failed, fmt.Errorf("misses/%s: %w", m.Name, err))
			continue
		}
		n++
		text.WriteString(lines)
	}
	if n == 0 && len(failed) > 0 {
		return a.reportAll(failed) // an earlier list stays, because it may be the only one
	}
	if err := a.writeWants(file, text.String(), n); err != nil {
		return err
	}
	return a.reportAll(failed)
}

// chosenMisses returns the misses that the operands choose, and what can't be chosen or read.
func chosenMisses(from *fsstore.Source, operands []string) (found []fsstore.Miss, errs []error) {
	var names []string
	misses := map[string]fsstore.Miss{}
	for m, err := range from.Misses() {
		if err != nil {
			errs = append(errs, err)
			continue
		}
		names, misses[m.Name] = append(names, m.Name), m
	}
	names, unmatched := chosen(names, operands, func(rawURL string) (string, error) {
		for _, name := range names {
			if from.IsOf(misses[name], rawURL) {
				return name, nil
			}
		}
		return "", fs.ErrNotExist
	})
	for _, name := range names {
		found = append(found, misses[name])
	}
	return found, append(errs, unmatched...)
}

// writeWants writes a list, whole or not at all.
func (a *app) writeWants(file, text string, n int) error {
	if len(text) > fsstore.MaxWants {
		return fmt.Errorf("the list of %d URLs has %s, and queue/ takes %s at once: choose some by a GLOB",
			n, bytes(int64(len(text))), bytes(fsstore.MaxWants))
	}
	if file == "-" {
		_, err := io.WriteString(a.stdout, text)
		return err
	}
	if err := renameio.WriteFile(file, []byte(text), 0o660); err != nil {
		return err
	}
	_, err := fmt.Fprintf(a.stdout, "wrote %d URLs to %s\n", n, file)
	return err
}
