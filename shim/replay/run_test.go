package replay

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// home is where commands run, seen from the root.
const home = "/home/user"

// file is what a script could notice of a file.
type file struct {
	mode     fs.FileMode
	size     int64
	sum      [32]byte
	modified time.Time
}

// result is what a script could notice of a command.
type result struct {
	status         int
	stdout, stderr string
	said           string // the line of FROMCACHE_VERBOSE
	files          map[string]file
	asked          []request
	late           bool // it was ended by us
	timed          bool // it prints how long things took
}

// mostTime is for one command. What takes longer waits for something that does not come in this
// world.
const mostTime = 20 * time.Second

// stage runs commands in the root, and clears away what they wrote.
type stage struct {
	t      *testing.T
	root   string
	origin *origin
	given  map[string][]byte // what was there before: contents of files of /etc, nil for all else
}

func newStage(t *testing.T, root string, o *origin) *stage {
	s := &stage{t: t, root: root, origin: o, given: map[string][]byte{}}
	s.walk(func(path string, info fs.FileInfo) {
		s.given[path] = nil
		if strings.HasPrefix(path, root+"/etc/") && info.Mode().IsRegular() {
			s.given[path], _ = os.ReadFile(path)
		}
	})
	return s
}

// walk visits what a command could have written.
func (s *stage) walk(visit func(path string, info fs.FileInfo)) {
	filepath.Walk(s.root, func(path string, info fs.FileInfo, err error) error {
		if err != nil {
			return nil
		}
		switch strings.TrimPrefix(path, s.root) {
		case "/usr":
			s.walkUnder(s.root+"/usr/local/bin", visit)
			return fs.SkipDir
		case "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix", "/gnu", "/proc", "/dev", "/shim", "/host":
			if info.IsDir() {
				return fs.SkipDir
			}
		}
		visit(path, info)
		return nil
	})
}

func (s *stage) walkUnder(dir string, visit func(string, fs.FileInfo)) {
	filepath.Walk(dir, func(path string, info fs.FileInfo, err error) error {
		if err == nil {
			visit(path, info)
		}
		return nil
	})
}

// run runs a command by the program at path, with more in its environment; a second time in the
// same directory if it has a turn for that.
func (s *stage) run(path string, c command, more ...string) result {
	for _, dir := range c.dirs() {
		os.MkdirAll(filepath.Join(s.root, dir), 0o755)
	}
	r := s.once(path, c, more)
	if c.turn == cut {
		s.cut()
	}
	if c.turn != "" {
		first := r
		r = s.once(path, c, more)
		r.status += 1000 * first.status
		r.stdout, r.stderr, r.said = first.stdout+r.stdout, first.stderr+"\n"+r.stderr, first.said+"; "+r.said
		r.late = r.late || first.late
	}
	r.timed, r.files = timed.MatchString(c.String()), map[string]file{}
	r.asked = s.origin.taken()
	s.gather(&r)
	return r
}

// once runs a command.
func (s *stage) once(path string, c command, more []string) (r result) {
	var out, errs bytes.Buffer
	cmd := &exec.Cmd{Path: path, Args: c.argv, Dir: home, Stdout: &out, Stderr: &errs, WaitDelay: 5 * time.Second}
	cmd.Env = append([]string{"HOME=/root", "PATH=/shim:/usr/bin:/bin", "LC_ALL=C"}, more...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: s.root, Setpgid: true}
	must(s.t, cmd.Start())
	alarm := time.AfterFunc(mostTime, func() { syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
	cmd.Wait()
	r.late = !alarm.Stop()
	r.status, r.stdout = cmd.ProcessState.ExitCode(), out.String()
	r.stderr, r.said = split(errs.String())
	return r
}

// cut leaves half of what a command wrote, as a connection that broke would.
func (s *stage) cut() {
	s.walk(func(path string, info fs.FileInfo) {
		if _, known := s.given[path]; !known && info.Mode().IsRegular() {
			os.Truncate(path, info.Size()/2)
			os.Chtimes(path, info.ModTime(), info.ModTime())
		}
	})
}

// split takes the shim's own line from what came on standard error.
func split(stderr string) (rest, said string) {
	lines := strings.SplitAfter(stderr, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, "fromcache: ") {
			return strings.Join(lines[:i], "") + strings.Join(lines[i+1:], ""), strings.TrimSpace(line)
		}
	}
	return stderr, ""
}

// gather notes what a command wrote, and clears it away.
func (s *stage) gather(r *result) {
	var made []string
	s.walk(func(path string, info fs.FileInfo) {
		before, known := s.given[path]
		f := file{mode: info.Mode(), modified: info.ModTime()}
		if info.Mode().IsRegular() {
			data, _ := os.ReadFile(path)
			f.size, f.sum = int64(len(data)), sha256.Sum256(data)
			if known && !bytes.Equal(before, data) {
				os.WriteFile(path, before, 0o644)
				known = false
			} else if !known {
				made = append(made, path)
			}
		} else if !known {
			f.modified = time.Time{} // a directory's says when a file came into it
			made = append(made, path)
		}
		if !known {
			r.files[strings.TrimPrefix(path, s.root)] = f
		}
	})
	for i := len(made) - 1; i >= 0; i-- {
		os.Remove(made[i])
	}
}

// differ returns how a result through the shim differs from that of the real tool, empty if it
// doesn't. A time that is the origin's must be the same, one that is the clock's may not be.
func differ(direct, shim result, began time.Time) string {
	var b strings.Builder
	if direct.status != shim.status {
		fmt.Fprintf(&b, "exit status %d, through the shim %d (%.200q)\n", direct.status, shim.status, shim.stderr)
	}
	if direct.timed {
		direct.stdout, shim.stdout = settle(direct.stdout), settle(shim.stdout)
	}
	if direct.stdout != shim.stdout {
		fmt.Fprintf(&b, "stdout %.200q, through the shim %.200q\n", direct.stdout, shim.stdout)
	}
	for name, a := range direct.files {
		z, ok := shim.files[name]
		switch {
		case !ok:
			fmt.Fprintf(&b, "no file %s\n", name)
		case a.size != z.size || a.sum != z.sum || a.mode != z.mode:
			fmt.Fprintf(&b, "file %s: %v %d %.4x, through the shim %v %d %.4x\n", name, a.mode, a.size, a.sum, z.mode, z.size, z.sum)
		case !a.modified.Equal(z.modified) && (a.modified.Before(began) || z.modified.Before(began)):
			fmt.Fprintf(&b, "time of %s: %v, through the shim %v\n", name, a.modified, z.modified)
		}
	}
	for name := range shim.files {
		if _, ok := direct.files[name]; !ok {
			fmt.Fprintf(&b, "file %s only through the shim\n", name)
		}
	}
	differStderr(&b, direct, shim)
	differAsked(&b, direct, shim)
	return b.String()
}

// differStderr compares standard error: without speeds and times where the real tool went to the
// origin. After a hit it names the cache, so then only silence and curl's own complaint are
// compared.
func differStderr(b *strings.Builder, direct, shim result) {
	a, z := settle(direct.stderr), settle(shim.stderr)
	if strings.Contains(shim.said, "hit: ") {
		a, z = complaints(a), complaints(z)
	} else if strings.Contains("\n"+a, "\n* ") { // a trace: how the bytes came in pieces
		return
	}
	if a != z {
		fmt.Fprintf(b, "stderr %.300q, through the shim %.300q\n", a, z)
	}
}

var (
	speed  = regexp.MustCompile(`\([\d.,]+ [KMG]?B/s\)|\bin [\d.]+m?s|=[\d.,]+[a-z]*|[\d.,]+[KMGT]?B?/s`)
	itself = regexp.MustCompile(`(?m)^/\S+/(curl|wget): `)  // its own path, which the shim gives it as argv[0]
	begun  = regexp.MustCompile(`^[ \d:.\-kMG#=O%]*curl: `) // a meter that was begun
	timed  = regexp.MustCompile(`%\{(time|speed)_`)
	number = regexp.MustCompile(`\d+`)
	meter  = regexp.MustCompile(`^[ \d.,:kKMGTBsmhdeta%#=<>|+()/\-O]*$`)
	shown  = regexp.MustCompile(`^\S+ +(\d+%)? *\[.*$`)
)

// settle takes from standard error what is never twice the same: progress, speeds, times and other
// numbers.
func settle(stderr string) string {
	var lines []string
	for _, line := range strings.FieldsFunc(stderr, func(r rune) bool { return r == '\n' || r == '\r' }) {
		if !meter.MatchString(line) && !shown.MatchString(strings.TrimSpace(line)) && !strings.Contains(line, "% Total") && !strings.Contains(line, "Dload") {
			line = itself.ReplaceAllString(line, "$1: ")
			line = begun.ReplaceAllString(line, "curl: ")
			lines = append(lines, number.ReplaceAllString(speed.ReplaceAllString(line, "~"), "0"))
		}
	}
	return strings.Join(lines, "\n")
}

// complaints are the lines that say what went wrong, or "talks" where there are none but others.
func complaints(stderr string) string {
	var kept []string
	for _, line := range strings.Split(stderr, "\n") {
		if strings.HasPrefix(line, "curl: ") {
			kept = append(kept, line)
		}
	}
	if stderr != "" && len(kept) == 0 {
		return "talks"
	}
	return strings.Join(kept, "\n")
}

// differAsked compares what the origin was asked: nothing after a hit, else all that the real tool
// asks. Of several URLs of which some are held it is asked what the real tool asks, and less.
func differAsked(b *strings.Builder, direct, shim result) {
	hits := strings.Contains(shim.said, "hit: ")
	others := strings.Contains(shim.said, "miss: ") || strings.Contains(shim.said, "pass: ")
	at := 0
	for _, d := range direct.asked {
		switch same := at < len(shim.asked) && shim.asked[at].text == d.text; {
		case same:
			at++
		case !hits:
			fmt.Fprintf(b, "the origin was not asked %.300s\n", d.text)
		}
	}
	if hits && !others {
		at = 0
	}
	for _, s := range shim.asked[at:] {
		fmt.Fprintf(b, "the origin was asked %.300s\n", s.text)
	}
}

// delivered reports whether a result has all the bytes that the origin gave, in a file or on
// standard output.
func (r *result) delivered() bool {
	sums := map[[32]byte]bool{}
	for _, f := range r.files {
		sums[f.sum] = true
	}
	bodies := 0
	for _, q := range r.asked {
		if q.body == nil {
			continue
		}
		bodies++
		if !sums[sha256.Sum256(q.body)] && !strings.Contains(r.stdout, string(q.body)) {
			return false
		}
	}
	return bodies > 0
}

// plain reports whether this is the plain download of a large artifact. What the command did
// decides, not how it was written: the tool ended well, it asked the origin for nothing but the
// whole of what it wanted (GET; no range, no credentials, no cookies, no condition), one of the
// URLs that it asked names a large artifact (isLarge), and the bytes that the origin gave are in a
// file or on standard output as they were given.
func (r *result) plain() bool {
	large := false
	for _, q := range r.asked {
		if !q.plain {
			return false
		}
		large = large || q.large
	}
	return r.status == 0 && large && r.delivered()
}
