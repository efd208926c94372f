package live

import "strings"

// hintsAt are, by page, the directories of which it shows something.
var hintsAt = map[string][]string{
	"all":       {"misses", "active", "queue", "failed", "meta", "hits"},
	"misses":    {"misses"},
	"downloads": {"active", "queue", "failed", "done", "cancelled"},
	"job":       {"active", "queue", "failed", "done", "cancelled", "misses"},
	"artifacts": {"meta", "hits"},
	"rules":     {"denied"},
	"artifact":  {"active", "queue", "failed", "meta", "hits"},
}

// Triggers returns what has htmx fetch a page again, as hx-trigger reads it; "" for a page that
// shows nothing that changes. The hints of one turn come together.
func Triggers(page string) string {
	var list []string
	for _, dir := range hintsAt[page] {
		list = append(list, "sse:"+dir+" delay:50ms")
	}
	if list == nil {
		return ""
	}
	return strings.Join(append(list, "again"), ", ")
}

// everything is all directories of which a page shows something.
var everything = func() map[string]bool {
	all := map[string]bool{}
	for _, dirs := range hintsAt {
		for _, dir := range dirs {
			all[dir] = true
		}
	}
	return all
}()
