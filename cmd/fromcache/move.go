package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"fromcache/fsstore"
	"fromcache/fsstore/key"
)

// moving is a verb that moves or removes what is named: by a key, a file's name, a path that tab completion wrote, a glob
// over what ls shows, or the URL itself.
type moving struct {
	done string // what is printed before each name
	in   []fsstore.State
	do   func(*fsstore.Store, file, fsstore.By) (note string, err error)
}

// file is what an operand names; where in is "" the verb looks for it.
type file struct {
	in   fsstore.State
	name string
	url  string   // the operand, where it is one
	sum  string   // of the URL that was shown, or how it begins: KEY@SUM
	also []string // names that an earlier rule or server may have given the URL
}

// anywhere is a verb that always looks for its file.
func anywhere(do func(*fsstore.Store, string, fsstore.By) error) func(*fsstore.Store, file, fsstore.By) (string, error) {
	return func(s *fsstore.Store, f file, by fsstore.By) (string, error) { return "", do(s, f.name, by) }
}

func (a *app) approve(f *flag.FlagSet) func(context.Context, []string) error {
	return a.move(f, moving{"approved", []fsstore.State{fsstore.Misses}, approveShown})
}

func (a *app) dismiss(f *flag.FlagSet) func(context.Context, []string) error {
	return a.move(f, moving{"dismissed", []fsstore.State{fsstore.Misses}, func(s *fsstore.Store, f file, by fsstore.By) (string, error) {
		return "", s.DismissIn(f.in, f.name, by)
	}})
}

func (a *app) deny(f *flag.FlagSet) func(context.Context, []string) error {
	return a.move(f, moving{"denied", []fsstore.State{fsstore.Misses, fsstore.Queue}, anywhere((*fsstore.Store).Deny)})
}

func (a *app) cancel(f *flag.FlagSet) func(context.Context, []string) error {
	return a.move(f, moving{"cancelled", []fsstore.State{fsstore.Queue, fsstore.Active}, anywhere((*fsstore.Store).Cancel)})
}

func (a *app) retry(f *flag.FlagSet) func(context.Context, []string) error {
	again := func(s *fsstore.Store, f file, by fsstore.By) (string, error) {
		return "", s.RetryAs(f.in, f.name, "", by)
	}
	return a.move(f, moving{"queued", []fsstore.State{fsstore.Failed, fsstore.Cancelled}, again})
}

func (a *app) evict(f *flag.FlagSet) func(context.Context, []string) error {
	return a.move(f, moving{"evicted", nil, anywhere((*fsstore.Store).Evict)})
}

// move does the verb to each operand. One that fails does not keep the rest from being done.
func (a *app) move(f *flag.FlagSet, m moving) func(context.Context, []string) error {
	dir := a.storeFlags(f)
	return func(_ context.Context, operands []string) error {
		for _, operand := range operands {
			if err := m.understands(operand); err != nil {
				return usageError{err: err}
			}
		}
		s, err := dir.open(fsstore.Options{})
		if err != nil {
			return err
		}
		var failed []error
		for _, operand := range operands {
			failed = append(failed, a.moveAll(s, m, operand)...)
		}
		return a.tell(failed)
	}
}

// understands says why an operand can name nothing, before any is looked for.
func (m moving) understands(operand string) error {
	if strings.Contains(operand, "://") {
		return nil
	}
	name := path.Base(operand)
	if _, err := path.Match(name, ""); err != nil {
		return fmt.Errorf("%s: %w; a [ that stands for itself is \\[", operand, err)
	}
	if m.done == "denied" && strings.Contains(operand, "/") && !strings.ContainsAny(name, "*?[") && !key.Valid(strings.TrimSuffix(name, ".job")) {
		return fmt.Errorf("%s is neither a key nor a host; a URL begins with https:// or http://", operand)
	}
	return nil
}

func (a *app) moveAll(s *fsstore.Store, m moving, operand string) (failed []error) {
	files, err := m.files(s, operand)
	if err != nil {
		return []error{err}
	}
	for _, f := range files {
		switch note, err := m.doOne(s, &f, a.operator()); {
		case errors.Is(err, fs.ErrNotExist):
			failed = append(failed, fmt.Errorf("nothing there by the name %s: see %s", f.name, m.list(f.in)))
		case err != nil:
			failed = append(failed, fmt.Errorf("%s: %w", f.name, err))
		default:
			fmt.Fprintf(a.stdout, "%s %s\n%s", m.done, printable(f.name), note)
		}
	}
	return failed
}

// doOne does it to a URL by the first of its names that something has.
func (m moving) doOne(s *fsstore.Store, f *file, by fsstore.By) (note string, err error) {
	note, err = m.do(s, *f, by)
	for _, other := range f.also {
		if !errors.Is(err, fs.ErrNotExist) {
			break
		}
		was := f.name
		f.name = other
		if note, err = m.do(s, *f, by); errors.Is(err, fs.ErrNotExist) {
			f.name = was
		}
	}
	return note, err
}

// files resolves one operand.
func (m moving) files(s *fsstore.Store, operand string) ([]file, error) {
	if strings.Contains(operand, "://") {
		names, err := s.Names(operand, m.in...)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", key.Redact(operand), err)
		}
		return []file{{name: names[0], url: operand, also: names[1:]}}, nil
	}
	name, sum := path.Base(operand), ""
	if i := strings.LastIndexByte(name, '@'); i > 0 && isSum(name[i+1:]) && m.done == "approved" {
		name, sum = name[:i], name[i+1:]
	}
	if m.in == nil {
		name = strings.TrimSuffix(name, ".json")
	}
	if !strings.ContainsAny(name, "*?[") {
		return []file{{in: dirIn(operand), name: m.today(s, dirIn(operand), name), sum: sum}}, nil
	}
	files, err := m.match(s, dirIn(operand), name)
	if err != nil {
		return nil, err
	}
	if len(files) == 0 && m.done == "denied" && strings.HasPrefix(name, "*.") {
		return []file{{name: name}}, nil // a whole domain
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("nothing matches %s, which has to match a whole name: see %s", operand, m.list(dirIn(operand)))
	}
	return files, nil
}

// today is the name that a file has now, where one is given that an earlier server gave: it began as today's does. Where
// there is a file of the old name that is meant.
func (m moving) today(s *fsstore.Store, in fsstore.State, name string) string {
	stem := strings.TrimSuffix(name, ".job")
	if !key.IsOld(stem) {
		return name
	}
	now := name
	files, _ := m.match(s, in, stem+"*")
	for _, f := range files {
		if f.name == name || strings.TrimSuffix(f.name, ".job") == stem {
			return name
		}
		now = f.name
	}
	return now
}

// list is the call that shows what the verb takes.
func (m moving) list(in fsstore.State) string {
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
	if slices.Contains(spool[:], st) {
		return st
	}
	return ""
}

// match returns what a glob names. It is held against the file's name and against the key, so that *.run and *run* both do
// what the operator who looked at ls expects.
func (m moving) match(s *fsstore.Store, in fsstore.State, glob string) ([]file, error) {
	hit := func(name string) bool { ok, _ := path.Match(glob, name); return ok }
	var files []file
	if m.in == nil {
		keys, err := s.Keys()
		for _, k := range keys {
			if hit(k) {
				files = append(files, file{name: k})
			}
		}
		return files, err
	}
	states := m.in
	if in != "" {
		states = []fsstore.State{in} // dismiss 'failed/*' is not about misses
	}
	for _, st := range states {
		jobs, err := s.Jobs(st)
		if err != nil {
			return nil, err
		}
		for i := range jobs {
			if hit(jobs[i].Name) || hit(jobs[i].Key) {
				files = append(files, file{in: st, name: jobs[i].Name})
			}
		}
	}
	return files, nil
}

func (a *app) add(f *flag.FlagSet) func(context.Context, []string) error {
	dir := a.storeFlags(f)
	var add fsstore.Addition
	var sum digest
	var accept list
	f.Var(&sum, "sha256", "the digest that the artifact must have, in `HEX`; one URL only")
	f.Var(&accept, "accept", "`WHAT` is fine although it is refused by default: any, text/html or http, or private; may be repeated")
	return func(_ context.Context, urls []string) error {
		if add.SHA256 = string(sum); sum != "" && len(urls) > 1 {
			return usageError{err: errors.New("--sha256 is the digest of one artifact: give one URL")}
		}
		if err := accepts(&add, accept); err != nil {
			return err
		}
		s, err := dir.openOrMake(fsstore.Options{})
		if err != nil {
			return err
		}
		var failed []error
		for _, add.URL = range urls {
			if name, err := s.Add(add, a.operator()); err != nil {
				failed = append(failed, fmt.Errorf("%s: %w", key.Redact(add.URL), err))
			} else {
				fmt.Fprintf(a.stdout, "queued %s\n", printable(name))
			}
		}
		return a.tell(failed)
	}
}

func accepts(add *fsstore.Addition, words []string) error {
	for _, word := range words {
		switch word {
		case "any":
			add.AcceptAny = true
		case "text/html":
			add.AcceptHTML = true
		case "http":
			add.AcceptHTTP = true
		case "private":
			add.AcceptPrivate = true
		default:
			return usageError{err: fmt.Errorf("--accept %q: it is any, text/html or http, or private", word)}
		}
	}
	return nil
}
