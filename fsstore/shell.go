package fsstore

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"unicode/utf8"

	"fromcache/fsstore/job"
)

// Shell writes the line that a shell on the cache-host runs to do what a verb
// does: the same renames, found as the verb finds them. Where a verb has
// nothing to do its line is fs.ErrNotExist. A line that is shown late may find
// what it names gone, and then says so and changes nothing.
type Shell struct{ s *Store }

// Shell returns the lines for this directory.
func (s *Store) Shell() Shell { return Shell{s} }

// Approve is the line for misses; with none, for all that wait. Of one that holds
// several URLs a mv would approve the newest: then it is the verb's line, which
// says which was shown, and shows no signature.
func (sh Shell) Approve(list ...Shown) (string, error) {
	names, words, several := make([]string, len(list)), "", false
	for i, m := range list {
		names[i] = m.Name
		words += " " + Quote(m.String())
		j, err := sh.s.JobFile(Misses, m.Name)
		if err != nil && len(list) == 1 {
			return "", err
		}
		several = several || m.Sum != "" && len(j.Job.Variants()) > 1
	}
	switch {
	case several:
		return sh.line("fromcache approve --data-dir " + sh.file("") + words)
	case len(list) != 1:
		return sh.each(names, `mv -n -- "$k" ../queue/"$k".job`)
	}
	from, err := sh.find(names[0], Misses)
	if err != nil {
		return "", err
	}
	return sh.line(sh.move(from, sh.free(names[0])))
}

// Deny is the line for misses; with no name, for all that wait. One name may
// also be another job's, the key of an artifact, a host, or *.domain.
func (sh Shell) Deny(names ...string) (string, error) {
	if len(names) != 1 {
		return sh.each(names, `mv -n -- "$k" ../denied/"$k"`)
	}
	k := strings.TrimSuffix(names[0], ".job")
	from, err := "", error(absent(Misses, k))
	if in := deniable(names[0]); in != nil {
		from, err = sh.find(k, in...)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return sh.denyName(k)
	}
	if err != nil {
		return "", err
	}
	st, name, _ := strings.Cut(from, "/")
	j, err := sh.s.JobFile(State(st), name)
	if err != nil {
		return "", err
	}
	as, err := deniedAs(&j)
	if err != nil {
		return "", err
	}
	return sh.line(sh.move(from, "denied/"+as))
}

// denyName is for what has no job.
func (sh Shell) denyName(name string) (string, error) {
	if a, err := sh.s.Artifact(name); err == nil {
		return sh.line("printf '%s\\n' " + Quote(a.URL) + " > " + sh.file("denied/"+name))
	}
	if !isHostPattern(name) {
		return "", fmt.Errorf("%w: %.80q is neither a key that is known, nor a host, nor *.domain", ErrInvalid, name)
	}
	return sh.line("touch -- " + sh.file("denied/"+name))
}

// Dismiss is the line for misses; with no name, for all that wait. One name
// may also be that of a job that has ended, in one directory or "" in any.
func (sh Shell) Dismiss(st State, names ...string) (string, error) {
	if len(names) != 1 {
		return sh.each(names, `rm -- "$k"`)
	}
	name, err := sh.first(st, names[0], dismissed)
	if err != nil {
		return "", err
	}
	return sh.line("rm -- " + sh.file(name) + sh.why(name))
}

// why is a second operand: the reason that stands beside a job which could not
// be read.
func (sh Shell) why(name string) string {
	if !sh.has(name + ".why") {
		return ""
	}
	return " " + sh.file(name+".why")
}

// Cancel is the line for a job that waits or runs. What left active/ gets its
// final name from its worker.
func (sh Shell) Cancel(name string) (string, error) {
	from, err := sh.find(name, Queue, Active)
	if errors.Is(err, fs.ErrNotExist) {
		from, err = sh.find(sh.s.activeName(strings.TrimSuffix(name, ".job")), Active)
	}
	if err != nil {
		return "", err
	}
	stem := strings.TrimSuffix(base(from), ".job")
	return sh.line(sh.aside(Cancelled, stem) + sh.move(from, "cancelled/"+stem+".job"))
}

// Retry is the line for a job that has ended, in one directory or "" in any,
// with another URL of the same artifact or "".
func (sh Shell) Retry(st State, name, rawURL string) (string, error) {
	return sh.RetryWith(st, name, Addition{URL: rawURL})
}

// RetryWith is Retry with options.
func (sh Shell) RetryWith(st State, name string, more Addition) (string, error) {
	from, err := sh.first(st, name, retried)
	if err != nil {
		return "", err
	}
	stem, _, ok := splitActive(base(from))
	if !ok {
		stem = strings.TrimSuffix(base(from), ".job")
	}
	line := sh.move(from, sh.free(stem))
	if why := sh.why(from); why != "" {
		line += " && rm --" + why
	}
	if lines := options(more); lines != "" {
		line = sh.append(from, `printf '%s\n'`+words("\n"+lines)) + " && " + line // a blank line first: the last one may have no end
	}
	if more.URL == "" {
		return sh.line(line)
	}
	note, err := sh.noteURL(from, "retry", more.URL)
	return note + " && " + line, err
}

// Evict is the line for an artifact, and for what waits to fetch it. It tells
// done/ first, as the verb does: what is gone from meta/ is else taken for lost.
func (sh Shell) Evict(k string) (string, error) {
	name := "meta/" + k + ".json"
	if !plain(k) || !sh.has(name) {
		return "", &fs.PathError{Op: "evict", Path: k, Err: fs.ErrNotExist}
	}
	line := sh.tellEvict(k) + "rm -- " + sh.file(name)
	if from, err := sh.find(k, Queue); err == nil {
		cancel, err := sh.Cancel(base(from))
		if err != nil {
			return "", err
		}
		line += " && " + cancel
	}
	return sh.line(line)
}

// tellEvict is what the verb's noteEvict does.
func (sh Shell) tellEvict(k string) string {
	told := `printf '%s ` + string(job.Evicted) + ` shell\n' "$(date -u +%Y-%m-%dT%TZ)"`
	if _, ok := sh.s.lastHeld(k); ok {
		return sh.append("done/"+k+".job", told) + " && "
	}
	if history := sh.s.missingHistory(k); history != "" {
		at := sh.file("done/" + k + ".job")
		return sh.aside(Done, k) + "printf '%s\\n'" + words(history) + " > " + at + " && " + told + " >> " + at + " && "
	}
	return ""
}

// Clear is the line that removes the finished jobs.
func (sh Shell) Clear() (string, error) {
	return sh.line("find " + sh.file("done/") + " " + sh.file("cancelled/") + " -type f ! -name '.*' ! -name '*~' -delete")
}

// find is where a verb finds a job: the first of the states that has its name.
func (sh Shell) find(name string, states ...State) (string, error) {
	if !plain(name) {
		return "", absent(states[0], name)
	}
	for _, st := range states {
		for _, n := range endedNames(name) {
			if sh.has(string(st) + "/" + n) {
				return string(st) + "/" + n, nil
			}
		}
	}
	return "", absent(states[0], name)
}

// first is where a verb that may be told a directory finds a job.
func (sh Shell) first(st State, name string, all []State) (string, error) {
	if plain(name) {
		for _, j := range sh.s.inTurn(st, name, all) {
			if at := string(j.State) + "/" + j.Name; sh.has(at) {
				return at, nil
			}
		}
	}
	return "", absent(cmp.Or(st, all[0]), name)
}

// free is the name in queue/ that a verb would give a job.
func (sh Shell) free(stem string) string { return sh.freeIn(Queue, stem) }

func (sh Shell) freeIn(st State, stem string) string {
	name := string(st) + "/" + stem + ".job"
	for n := 2; sh.has(name); n++ {
		name = fmt.Sprintf("%s/%s.%d.job", st, stem, n)
	}
	return name
}

// aside is the beginning of a line that gives a number to the job under the name that moveEnded
// wants for the newest, or "".
func (sh Shell) aside(st State, stem string) string {
	name := string(st) + "/" + stem + ".job"
	if !sh.has(name) {
		return ""
	}
	return sh.move(name, sh.freeIn(st, stem)) + " && "
}

// each does one line for every miss, from within misses/: for those named, or
// for all that exist for us.
func (sh Shell) each(names []string, do string) (string, error) {
	list := "*[!~]"
	if len(names) > 0 {
		quoted := make([]string, len(names))
		for i, name := range names {
			quoted[i] = Quote(name)
		}
		list = strings.Join(quoted, " ")
	}
	return sh.line("(cd " + sh.file("misses/") + " && for k in " + list + "; do " + do + "; done)")
}

// move never replaces: a name that is taken is for a person to look at.
func (sh Shell) move(from, to string) string {
	return "mv -n -- " + sh.file(from) + " " + sh.file(to)
}

func (sh Shell) has(name string) bool { return exists(sh.s.dir + "/" + name) }

// file is a name in the data directory as one word.
func (sh Shell) file(name string) string {
	dir := sh.s.dir
	if strings.HasPrefix(dir, "-") {
		dir = "./" + dir // else tools take it for an option
	}
	return Quote(dir + "/" + name)
}

func (sh Shell) line(line string) (string, error) {
	if !utf8.ValidString(line) {
		return "", fmt.Errorf("%w: its name is not text, so no line can be shown: use the button", ErrInvalid)
	}
	return line, nil
}

// Quote makes one word of s for a POSIX shell (XCU 2.2.2): bare where it holds
// nothing that a shell might take for more, else in single quotes, in which
// only the quote itself is special.
func Quote(s string) string {
	special := func(r rune) bool {
		return r > 0x7e || !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._+-:@%,", r)
	}
	if s != "" && !strings.ContainsFunc(s, special) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
