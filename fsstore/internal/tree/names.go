package tree

import (
	"strconv"
	"strings"

	"fromcache/fsstore/key"
)

// ActiveJobName returns the name in active/ of a worker's job.
func ActiveJobName(stem, worker string) string { return stem + "@" + worker + ".job" }

// PartName returns the name in tmp/ of a worker's part.
func PartName(stem, worker string) string { return stem + "@" + worker + ".part" }

// SplitActive is the inverse of ActiveJobName.
func SplitActive(name string) (stem, worker string, ok bool) {
	base, ok := strings.CutSuffix(name, ".job")
	i := strings.LastIndexByte(base, '@')
	if !ok || i < 1 || len(base)-i-1 != 16 {
		return "", "", false
	}
	return base[:i], base[i+1:], true
}

// StemOf returns a job's name without .job. If that is a key and a number, as of KEY.2.job, it
// returns the key.
func StemOf(name string) string {
	stem := strings.TrimSuffix(name, ".job")
	if key.Valid(stem) {
		return stem
	}
	if i := strings.LastIndexByte(stem, '.'); i > 0 && key.Valid(stem[:i]) {
		if _, err := strconv.Atoi(stem[i+1:]); err == nil {
			return stem[:i]
		}
	}
	return stem
}

// IsQueueName reports whether a file of that name in queue/ is a job: it ends in .job, or is a key.
func IsQueueName(name string) bool {
	return Plain(name) && (strings.HasSuffix(name, ".job") || key.Valid(name))
}

// JobPath returns the path of st/<name>.
func (t *Tree) JobPath(st State, name string) string { return t.Path(string(st), name) }

// SplitPart is the inverse of PartName.
func SplitPart(name string) (k, worker string, ok bool) {
	stem, ok := strings.CutSuffix(name, ".part")
	k, worker, found := strings.Cut(stem, "@")
	return k, worker, ok && found && len(worker) == 16
}

// HostPrefix begins the names in tmp/ of the files that servers lock, one a host.
const HostPrefix = "host-"

// State is the name of the directory that a job file is in, which is the job's state.
type State string

// The states, in the order in which jobs pass through them.
const (
	Misses    State = "misses"    // asked for, not approved
	Queue     State = "queue"     // approved, waiting
	Active    State = "active"    // being fetched by a claim
	Done      State = "done"      // fetched
	Failed    State = "failed"    // given up
	Cancelled State = "cancelled" // stopped by an operator
	Denied    State = "denied"    // never to be recorded or fetched
)

// Path returns the path of dir/<name>.
func (t *Tree) Path(dir string, name string) string {
	return t.Root + "/" + dir + "/" + name
}

// Dir returns the path of a state's directory.
func (t *Tree) Dir(st State) string { return t.Path(string(st), "") }

// Plain reports whether a name may be that of a whole file. A name that begins with a dot or ends
// with a tilde is ignored, because editors and rsync give such names to files that are not whole.
func Plain(name string) bool {
	return name != "" && len(name) <= 255 && name[0] != '.' && name[len(name)-1] != '~' &&
		!strings.ContainsAny(name, "/\x00")
}

// Base returns what follows the last slash.
func Base(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }
