package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"fromcache/fsstore"
	"fromcache/fsstore/key"
	"fromcache/httpd/operate"
)

// moving is a verb that moves or removes files: each operand is a key, a file's name, a path that
// tab completion wrote, a glob over what ls shows, or the URL itself.
type moving struct {
	use, short, long string
	past             string          // what is printed before each name
	in               []fsstore.State // where globs match; nil is artifacts
	completes        []fsstore.State // beside in
	takesHosts       bool            // an operand may be HOST or *.DOMAIN
	takesSums        bool            // an operand may be KEY@SUM
	do               func(context.Context, operate.Cache, file) (note string, err error)
}

// byName ignores the directory that an operand names: the verb finds its file.
func byName(
	do func(operate.Cache, context.Context, string) error,
) func(context.Context, operate.Cache, file) (string, error) {
	return func(ctx context.Context, c operate.Cache, f file) (string, error) { return "", do(c, ctx, f.name) }
}

// file is what an operand names.
type file struct {
	in     fsstore.State // "": wherever the verb finds it
	name   string
	url    string   // the operand, where it is a URL
	sum    string   // the beginning of the sum of the URL that was shown: KEY@SUM
	others []string // names that an earlier rule or server may have given the URL
}

const operandsLong = `An operand is a key, a file's name or path, the URL, or a glob. A glob is matched against the names
that ls shows, and must match a whole name: quote it. A path as failed/NAME means that directory.`

func moveCommands(a *app) []*cobra.Command {
	var commands []*cobra.Command
	for _, m := range []moving{{
		use: "approve KEY|GLOB|URL...", short: "Let misses be fetched: misses/ to queue/",
		long: `Let misses be fetched: mv misses/KEY queue/. Where several URLs have one key, approve KEY takes the
newest and prints it; KEY@SUM takes the one whose sum fromcache why shows.`,
		past: "approved", in: []fsstore.State{fsstore.Misses}, takesSums: true, do: approveShown,
	}, {
		use: "dismiss KEY|GLOB|URL...", short: "Forget misses, or failed and cancelled jobs",
		long: `Forget misses: rm misses/KEY. The next client that asks records it again. Globs match misses only.
A failed or cancelled job must be named in full; of two of one name the newer goes, or failed/NAME
says which.`,
		past: "dismissed", in: []fsstore.State{fsstore.Misses}, completes: []fsstore.State{fsstore.Failed, fsstore.Cancelled},
		do: func(ctx context.Context, c operate.Cache, f file) (string, error) {
			return "", c.Dismiss(ctx, f.in, f.name)
		},
	}, {
		use: "deny KEY|GLOB|URL|HOST|*.DOMAIN...", short: "Never record or fetch it; what is held is still served",
		long: `Never record or fetch it again: mv misses/KEY denied/. deny HOST and deny '*.DOMAIN' are for all of a
host and all of a domain: touch denied/HOST. What is held is still served. To take it back:
fromcache allow, or rm denied/KEY. Globs match misses and the queue.`,
		past: "denied", in: []fsstore.State{fsstore.Misses, fsstore.Queue}, takesHosts: true, do: byName(operate.Cache.Deny),
	}, {
		use: "allow KEY|GLOB|URL|HOST|*.DOMAIN...", short: "Take denials back",
		long: `Take denials back: rm denied/KEY. The next client that asks records it again. mv denied/KEY queue/
also approves it.`,
		past: "allowed", in: []fsstore.State{fsstore.Denied}, takesHosts: true, do: byName(operate.Cache.Allow),
	}, {
		use: "cancel KEY|GLOB|URL...", short: "Stop what waits or is being fetched",
		long: `Stop what waits in the queue or is being fetched: rm active/KEY@*.job. The job goes to cancelled/;
fromcache retry queues it again. What was fetched of it is used then.`,
		past: "cancelled", in: []fsstore.State{fsstore.Queue, fsstore.Active}, do: byName(operate.Cache.Cancel),
	}, {
		use: "retry KEY|GLOB|URL...", short: "Put failed or cancelled jobs back in the queue",
		long: `Put failed or cancelled jobs back in the queue: mv failed/KEY.job queue/. A finished job, to fetch its
artifact again, must be named in full: KEY, or done/NAME. Of several of one name the newest is
taken.`,
		past: "queued", in: []fsstore.State{fsstore.Failed, fsstore.Cancelled}, completes: []fsstore.State{fsstore.Done},
		do: func(ctx context.Context, c operate.Cache, f file) (string, error) {
			return "", c.Retry(ctx, f.in, f.name, operate.Addition{})
		},
	}, {
		use: "evict KEY|GLOB|URL...", short: "Hold artifacts no longer; the bytes go a day later",
		long: `Hold artifacts no longer: rm meta/KEY.json. The bytes stay in blobs/ until gc moves them to
tmp/DIGEST.gone, and go a day later. Until then fromcache put URL with that file holds them again.`,
		past: "evicted", do: byName(operate.Cache.Evict),
	}} {
		commands = append(commands, moveCommand(a, m))
	}
	return commands
}

func moveCommand(a *app, m moving) *cobra.Command {
	dirs := completeStates(append(m.in, m.completes...))
	if m.in == nil {
		dirs = []string{"meta"}
	}
	return &cobra.Command{
		Use: m.use, Short: m.short, Long: m.long + "\n\n" + operandsLong,
		Args:              operands(1, -1),
		ValidArgsFunction: a.complete(dirs...),
		RunE:              func(c *cobra.Command, args []string) error { return a.move(c.Context(), m, args) },
	}
}

// move does the verb to each operand. One that fails does not keep the rest from being done.
func (a *app) move(ctx context.Context, m moving, operands []string) error {
	for _, operand := range operands {
		if err := m.understands(operand); err != nil {
			return usageError{err}
		}
	}
	c, err := a.openCache()
	if here, ok := c.(*operate.Local); ok && err == nil {
		err = here.Store.Writable()
	}
	if err != nil {
		return err
	}
	var failed []error
	for _, operand := range operands {
		failed = append(failed, a.moveAll(ctx, c, m, operand)...)
	}
	return a.reportAll(failed)
}

// understands returns an error where an operand can name nothing, before any file is looked for.
func (m moving) understands(operand string) error {
	if strings.Contains(operand, "://") {
		return nil
	}
	name := path.Base(operand)
	if _, err := path.Match(name, ""); err != nil {
		return fmt.Errorf("%s: %w; write \\[ for a [ that stands for itself", operand, err)
	}
	if m.takesHosts && strings.Contains(operand, "/") && !isGlob(name) && !key.Valid(strings.TrimSuffix(name, ".job")) {
		return fmt.Errorf("%s is neither a key nor a host; a URL begins with https:// or http://", operand)
	}
	return nil
}

func isGlob(name string) bool { return strings.ContainsAny(name, "*?[") }

func (a *app) moveAll(ctx context.Context, c operate.Cache, m moving, operand string) (failed []error) {
	files, err := m.files(ctx, c, operand)
	if err != nil {
		return []error{err}
	}
	for _, f := range files {
		switch note, err := m.doOne(ctx, c, &f); {
		case errors.Is(err, fs.ErrNotExist):
			failed = append(failed, fmt.Errorf("there is no %s: see %s", f.name, m.listCall(f.in)))
		case err != nil:
			failed = append(failed, fmt.Errorf("%s: %w", f.name, err))
		default:
			fmt.Fprintf(a.stdout, "%s %s\n%s", m.past, printable(f.name), note)
		}
	}
	return failed
}

// doOne does the verb to one file. A URL may have several names: the first that a file has counts.
func (m moving) doOne(ctx context.Context, c operate.Cache, f *file) (note string, err error) {
	note, err = m.do(ctx, c, *f)
	for _, other := range f.others {
		if !errors.Is(err, fs.ErrNotExist) {
			break
		}
		was := f.name
		f.name = other
		if note, err = m.do(ctx, c, *f); errors.Is(err, fs.ErrNotExist) {
			f.name = was
		}
	}
	return note, err
}

// files resolves one operand.
func (m moving) files(ctx context.Context, c operate.Cache, operand string) ([]file, error) {
	if strings.Contains(operand, "://") {
		names, err := c.Names(ctx, operand, m.in)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", key.Redact(operand), err)
		}
		return []file{{name: names[0], url: operand, others: names[1:]}}, nil
	}
	name, sum := path.Base(operand), ""
	if i := strings.LastIndexByte(name, '@'); i > 0 && isSum(name[i+1:]) && m.takesSums {
		name, sum = name[:i], name[i+1:]
	}
	if m.in == nil {
		name = strings.TrimSuffix(name, ".json")
	}
	if !isGlob(name) {
		return []file{{in: dirIn(operand), name: m.currentName(ctx, c, dirIn(operand), name), sum: sum}}, nil
	}
	files, err := m.match(ctx, c, dirIn(operand), name)
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(files, func(f file) bool { return f.name == name }) {
		return []file{{name: name}}, nil // allow *.DOMAIN is not about the hosts of that domain
	}
	if len(files) == 0 && m.takesHosts && strings.HasPrefix(name, "*.") {
		return []file{{name: name}}, nil // a whole domain
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("nothing matches %s, which has to match a whole name: see %s", operand, m.listCall(dirIn(operand)))
	}
	return files, nil
}

// currentName returns the name that a file has now. An operand may be a name that an earlier server
// gave, which is the beginning of today's. A file that still has the old name is meant before
// others.
func (m moving) currentName(ctx context.Context, c operate.Cache, in fsstore.State, name string) string {
	stem := strings.TrimSuffix(name, ".job")
	if !key.IsOld(stem) {
		return name
	}
	current := name
	files, _ := m.match(ctx, c, in, stem+"*")
	for _, f := range files {
		if f.name == name || strings.TrimSuffix(f.name, ".job") == stem {
			return name
		}
		current = f.name
	}
	return current
}

// listCall is the command that shows what the verb takes.
func (m moving) listCall(in fsstore.State) string {
	names := []string{"artifacts"}
	if in != "" {
		names[0] = string(in)
	} else if m.in != nil {
		names = names[:0]
		for _, st := range m.in {
			names = append(names, string(st))
		}
	}
	return "fromcache ls " + strings.Join(names, "|")
}

// dirIn is the directory of the spool that a path names.
func dirIn(operand string) fsstore.State {
	st := fsstore.State(path.Base(path.Dir(operand)))
	if slices.Contains(operate.Spool[:], st) {
		return st
	}
	return ""
}

// match returns what a glob names. It is compared with the file's name and with the key, so that
// *.run and *run* both do what an operator who looked at ls expects.
func (m moving) match(ctx context.Context, c operate.Cache, in fsstore.State, glob string) (files []file, err error) {
	if m.in == nil {
		for a, err := range operate.EachArtifact(ctx, c, glob) {
			if a.Key == "" {
				return nil, err
			}
			files = append(files, file{name: a.Key}) // one whose meta can't be read, too
		}
		return files, nil
	}
	states := m.in
	if in != "" {
		states = []fsstore.State{in} // dismiss 'failed/*' is not about misses
	}
	for _, st := range states {
		for j, err := range operate.EachJob(ctx, c, st, glob) {
			if err != nil {
				return nil, err
			}
			files = append(files, file{in: st, name: j.Name})
		}
	}
	return files, nil
}
