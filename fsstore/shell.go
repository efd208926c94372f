package fsstore

import (
	"strings"
	"unicode/utf8"
)

// Shell is what a shell on the cache-host does for each verb: the same renames.
// A line is "" where a file's name is no text.
type Shell struct{ dir string }

// Shell returns the lines for this directory.
func (s *Store) Shell() Shell { return Shell{s.dir + "/"} }

// Approve is the line for a miss.
func (sh Shell) Approve(k string) string { return sh.move("misses/"+k, "queue/"+k+".job") }

// Deny is the line for a miss.
func (sh Shell) Deny(k string) string { return sh.move("misses/"+k, "denied/"+k) }

// Cancel is the line for a job that waits or runs. What left active/ gets its
// final name from its worker.
func (sh Shell) Cancel(st State, name string) string {
	return sh.move(string(st)+"/"+name, "cancelled/"+name)
}

// Retry is the line for a job that has ended.
func (sh Shell) Retry(st State, name string) string {
	return sh.move(string(st)+"/"+name, "queue/"+name)
}

// Dismiss is the line for a miss or a job that has ended.
func (sh Shell) Dismiss(st State, name string) string { return sh.remove(string(st) + "/" + name) }

// Evict is the line for an artifact.
func (sh Shell) Evict(k string) string { return sh.remove("meta/" + k + ".json") }

// Add is the line that queues a URL under the name of its key.
func (sh Shell) Add(k, rawURL string) string {
	return valid("printf '%s\\n' " + Quote(rawURL) + " > " + Quote(sh.dir+"queue/"+k+".job"))
}

// Clear is the line that removes the finished jobs.
func (sh Shell) Clear() string {
	return valid("find " + Quote(sh.dir+"done/") + " " + Quote(sh.dir+"cancelled/") + " -type f -delete")
}

// move never replaces: a name that is taken is for a person to look at.
func (sh Shell) move(from, to string) string {
	return valid("mv -n -- " + Quote(sh.dir+from) + " " + Quote(sh.dir+to))
}

func (sh Shell) remove(name string) string { return valid("rm -- " + Quote(sh.dir+name)) }

func valid(line string) string {
	if !utf8.ValidString(line) {
		return ""
	}
	return line
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
