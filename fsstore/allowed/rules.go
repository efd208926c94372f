package allowed

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"fromcache/fsstore/health"
	"fromcache/fsstore/held"
	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
	"fromcache/fsstore/queries"
	"fromcache/fsstore/spool"
	"fromcache/fsstore/verbs"
)

// Rules are the standing approvals of one data directory.
type Rules struct {
	tree    *tree.Tree
	health  *health.Monitor
	queries *queries.Rules
	held    *held.Cache
	spool   *spool.Spool
	verbs   *verbs.Verbs
	files   tree.Mirror[Rule]
	still   tree.Observer // of files whose times are in the future
	done    ledger
	failed  ledger
	queued  tree.Mirror[string] // the client of each job in queue/, see loadQueued
	left    atomic.Bool         // a miss that is allowed found no room in queue/
	replay  sync.Mutex          // held while all jobs are read, one reader at a time
}

// dir is the directory's name.
const dir = "allowed"

// via begins what the log of a job says of a rule that approved it; the rule's name follows.
const via = dir + "/"

// maxRule bounds one file in bytes. A longer one allows nothing.
const maxRule = 64 << 10

// quietFor is how long a file must have stood still before it is taken, because `echo >` and
// editors make an empty file first, and that would allow all of a host.
const quietFor = 2 * time.Second

// New returns the Rules of one data directory, on the rooms below it.
func New(t *tree.Tree, h *health.Monitor, q *queries.Rules, a *held.Cache, p *spool.Spool,
	v *verbs.Verbs) *Rules {
	r := &Rules{tree: t, health: h, queries: q, held: a, spool: p, verbs: v}
	r.files = tree.Mirror[Rule]{
		Dir: t.Path(dir, ""), Ours: tree.Plain, Load: r.load, ReloadUnsettled: true,
	}
	r.queued = tree.Mirror[string]{Dir: t.Dir(tree.Queue), Ours: tree.Plain, Load: r.loadQueued}
	r.done.open(t, p, tree.Done, job.Done)
	r.failed.open(t, p, tree.Failed, job.Failed)
	return r
}

func (r *Rules) load(name string) (Rule, error) {
	b, err := tree.ReadFile(r.tree.Path(dir, name), maxRule+1)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Rule{}, err
	case err != nil:
		return Rule{Name: name, Flaw: "it can't be read: " + err.Error() +
			": mend the file's mode or the disk"}, nil
	case len(b) > maxRule:
		return Rule{Name: name, Flaw: fmt.Sprintf("it is longer than %d bytes: shorten it", maxRule)}, nil
	}
	return Parse(name, string(b)), nil
}

// Rule returns the rule of a file in allowed/ as it is now. Its error is fs.ErrNotExist where there
// is none. What is no regular file, such as a link, is a rule with a Flaw.
func (r *Rules) Rule(name string) (Rule, error) {
	rule, _, err := r.files.Look(name)
	if errors.Is(err, tree.ErrNotRegular) {
		return Rule{Name: name, Flaw: "it is not a regular file: put one in its place"}, nil
	}
	return rule, err
}

// isQuiet reports whether a file has stood still for quietFor.
func (r *Rules) isQuiet(name string) bool {
	path := r.tree.Path(dir, name)
	var st unix.Stat_t
	if unix.Lstat(path, &st) != nil {
		return false
	}
	return tree.IsSettled(&st) || r.still.UnchangedFor(quietFor, path, path)
}

// List returns every rule, by name. Those with a Flaw are among them.
func (r *Rules) List() ([]Rule, error) {
	names, err := r.tree.Names(dir)
	if errors.Is(err, fs.ErrNotExist) { // a data directory of an earlier server, mounted read-only
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	var all []Rule
	for _, name := range names {
		if rule, err := r.Rule(name); err == nil {
			all = append(all, rule)
		}
	}
	return all, nil
}

// Flaws lists the files in allowed/ that allow nothing, although somebody meant them to.
func (r *Rules) Flaws() (list []health.Problem, err error) {
	all, err := r.List()
	for _, rule := range all {
		if rule.Flaw != "" {
			list = append(list, health.Problem{
				Path: via + rule.Name, Text: "it allows nothing: " + rule.Flaw, Do: "mend it, or rm it",
			})
		}
	}
	return list, err
}

// about are the names of the rules that speak for u: that of its key, of its host, and of the
// domains that the host is in.
func about(u key.URL) []string {
	return append([]string{u.Key()}, queries.HostPatterns(u.Host())...)
}

// For returns the first rule that approves u: that of its key, of its host, or of a domain. It
// returns nil where none does, and why says what is to be said of those that are about u.
func (r *Rules) For(u key.URL) (rule *Rule, why string) {
	var no []string
	for _, name := range about(u) {
		found, err := r.Rule(name)
		if err != nil {
			continue
		}
		because := found.WhyNot(u, time.Now())
		if because == "" && !r.isQuiet(name) {
			because = "it has just been written, and counts in a moment"
		}
		if because == "" {
			because = r.WhyStopped(&found)
		}
		if because == "" {
			return &found, ""
		}
		no = append(no, via+name+": "+because)
	}
	return nil, strings.Join(no, "; ")
}

// NameFor returns the name of the first rule that speaks for a host or a domain that it is in, be
// it that the rule allows something or not; "" where there is none.
func (r *Rules) NameFor(host string) string {
	for _, name := range queries.HostPatterns(host) {
		if _, err := r.Rule(name); err == nil {
			return name
		}
	}
	return ""
}

// Explain says what allowed/ makes of u: which rule approves it, or why those that are about it do
// not; "" where none is.
func (r *Rules) Explain(u key.URL) string {
	rule, why := r.For(u)
	switch {
	case rule == nil && why == "":
		return ""
	case rule == nil:
		return "nothing: " + why
	case r.IsDecided(u):
		return via + rule.Name + ", but an earlier job failed or was cancelled, so that a person decides"
	}
	if why := r.lookForRoom().refusal(r.clientOfURL(u)); why != "" {
		return via + rule.Name + ", " + why
	}
	return via + rule.Name
}

// IsDecided reports whether an earlier job of u failed or was cancelled: what to do then is a
// person's decision, because each further request would only try the same again.
func (r *Rules) IsDecided(u key.URL) bool {
	for _, k := range r.spool.IDOf(u).Names {
		for _, st := range []tree.State{tree.Failed, tree.Cancelled} {
			if tree.Exists(r.tree.JobPath(st, k+".job")) {
				return true
			}
		}
	}
	return false
}
