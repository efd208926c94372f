package tree

import (
	"strconv"
	"strings"

	"fromcache/fsstore/key"
)

func ActiveJobName(stem, worker string) string { return stem + "@" + worker + ".job" }

func PartName(stem, worker string) string { return stem + "@" + worker + ".part" }

// SplitActive takes a name in active/ apart.
func SplitActive(name string) (stem, worker string, ok bool) {
	base, ok := strings.CutSuffix(name, ".job")
	i := strings.LastIndexByte(base, '@')
	if !ok || i < 1 || len(base)-i-1 != 16 {
		return "", "", false
	}
	return base[:i], base[i+1:], true
}

// StemOf is a queue name without .job and without the number that kept it from
// replacing another.
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

func IsQueueName(name string) bool {
	return Plain(name) && (strings.HasSuffix(name, ".job") || key.Valid(name))
}

func (t *Tree) JobPath(st State, name string) string { return t.Path(string(st), name) }

// SplitPart takes a part's name apart.
func SplitPart(name string) (k, worker string, ok bool) {
	stem, ok := strings.CutSuffix(name, ".part")
	k, worker, found := strings.Cut(stem, "@")
	return k, worker, ok && found && len(worker) == 16
}

// State is the directory a job file is in: the directory is its state.
type State string

// The spool. Names of directories, in the direction in which jobs flow.
const (
	Misses    State = "misses"    // asked for, not approved
	Queue     State = "queue"     // approved, waiting
	Active    State = "active"    // being fetched by a claim
	Done      State = "done"      // fetched
	Failed    State = "failed"    // given up
	Cancelled State = "cancelled" // stopped by an operator
	Denied    State = "denied"    // never to be recorded or fetched
)

func (t *Tree) Path(dir string, name string) string {
	return t.Root + "/" + dir + "/" + name
}

// Dir is the path of a state's directory.
func (t *Tree) Dir(st State) string { return t.Path(string(st), "") }

// Plain reports whether name can be the name of a file of ours: what editors,
// cp and rsync leave half-way begins with a dot or ends with a tilde.
func Plain(name string) bool {
	return name != "" && len(name) <= 255 && name[0] != '.' && name[len(name)-1] != '~' &&
		!strings.ContainsAny(name, "/\x00")
}

func Base(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }
