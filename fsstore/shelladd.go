package fsstore

import (
	"fmt"
	"strings"

	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
)

// Add is the lines that queue URLs, one each. A miss of the same key is
// approved with its URL; one that waits gets what it lacks, or has no line, as
// one that runs.
func (sh Shell) Add(list ...Addition) (string, error) {
	var lines []string
	var none error
	for _, a := range list {
		line, err := sh.add(a)
		if err != nil {
			none = err
			continue
		}
		lines = append(lines, line)
	}
	if len(lines) == 0 {
		return "", none
	}
	return sh.line(strings.Join(lines, "\n"))
}

func (sh Shell) add(a Addition) (string, error) {
	u, _, err := sh.s.prepare(a, By{})
	if err != nil {
		return "", err
	}
	fetch, err := key.FetchURL(a.URL)
	if err != nil {
		return "", err
	}
	k, sub := u.Key(), sh.s.about(u)
	if name := sh.s.miss(sub); name != "" {
		return sh.approveWith(name, fetch, options(a))
	}
	if name := sh.s.queued(sub); name != "" {
		a.URL = fetch
		return sh.complete(sub, name, a)
	}
	if name := sh.s.active(sub); name != "" {
		return "", fmt.Errorf("%w: active/%s fetches it now, there is nothing to do", ErrBusy, name)
	}
	return "printf '%s\\n'" + words(fetch+"\n"+options(a)) + " > " + sh.file("queue/"+k+".job"), nil
}

// complete adds to a job that waits what it lacks.
func (sh Shell) complete(sub subject, name string, a Addition) (string, error) {
	b, err := readFile(sh.s.job(Queue, name), maxJobFile)
	if err != nil {
		return "", err
	}
	lines, err := sh.s.completion(b, sub, name, a, By{Via: "shell"})
	if err != nil {
		return "", err
	}
	if lines == "" {
		return "", fmt.Errorf("%w: queue/%s waits already, there is nothing to do", ErrBusy, name)
	}
	return sh.append("queue/"+name, "printf '%s\\n'"+words(lines)), nil
}

// approveWith approves a miss under the URL and the options of an addition.
func (sh Shell) approveWith(k, fetch, opts string) (string, error) {
	line := sh.move("misses/"+k, sh.free(k))
	if opts != "" {
		line = sh.append("misses/"+k, "printf '%s\\n'"+words(opts)) + " && " + line
	}
	b, err := readFile(sh.s.job(Misses, k), maxJobFile)
	if err != nil {
		return "", err
	}
	pinned := pin(b, fetch)
	if pinned == "" {
		return line, nil
	}
	note, err := sh.noteURL("misses/"+k, job.Approve, pinned)
	return note + " && " + line, err
}

// noteURL appends the line that has a job fetch a URL of its artifact.
func (sh Shell) noteURL(name string, kind job.Kind, rawURL string) (string, error) {
	fetch, err := key.FetchURL(rawURL)
	if err != nil {
		return "", err
	}
	f, err := openJob(sh.s.dir + "/" + name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	if err := sh.s.sameArtifact(f, fetch); err != nil {
		return "", err
	}
	return sh.line(sh.append(name, `printf '%s `+string(kind)+` shell %s\n' "$(date -u +%Y-%m-%dT%TZ)" `+Quote(fetch)))
}

// append adds what a command prints to a file that is still there: else it would
// make another job.
func (sh Shell) append(name, command string) string {
	return "test -f " + sh.file(name) + " && " + command + " >> " + sh.file(name)
}

// words are the lines of a text, each quoted, with a blank before it.
func words(text string) string {
	var b strings.Builder
	for line := range strings.SplitSeq(strings.TrimSuffix(text, "\n"), "\n") {
		b.WriteString(" " + Quote(line))
	}
	return b.String()
}

// Put is the line that holds a file as the artifact of a URL.
func (sh Shell) Put(a Addition, file string) (string, error) {
	if _, err := sh.s.Parse(a.URL); err != nil {
		return "", err
	}
	line := "fromcache put --data-dir " + sh.file("")
	if a.SHA256 != "" {
		line += " --sha256 " + Quote(a.SHA256)
	}
	switch {
	case a.AcceptAny:
		line += " --accept any"
	case a.AcceptHTML:
		line += " --accept text/html"
	}
	if strings.HasPrefix(file, "-") {
		file = "./" + file // a name alone would be an option, or standard input
	}
	if rule := sh.s.rule; rule != key.Auto {
		line = map[key.Rule]string{key.Keep: "FROMCACHE_QUERY=keep ", key.Drop: "FROMCACHE_QUERY=drop "}[rule] + line
	}
	return sh.line(line + " " + Quote(a.URL) + " " + Quote(file))
}

// Ask is the line that asks a miss's origin for the header of what would be
// fetched, or of the URL that was shown, as the button does: a HEAD, and where
// that is refused a GET of one byte; no redirect from https to http; and as the
// tool that asked. It reads the URL from the file, for it may hold a credential.
func (sh Shell) Ask(m Shown) (string, error) {
	j, err := sh.s.JobFile(Misses, m.Name)
	if err != nil {
		return "", err
	}
	fetch := j.Job.FetchURL()
	if fetch == "" {
		return "", absent(Misses, m.Name)
	}
	file := sh.file("misses/" + m.Name)
	u := `"$(head -n 1 -- ` + file + `)"`
	for i, v := range j.Job.Variants() {
		if i > 0 && (v.Sum() == m.Sum || m.Sum == "" && v.URL == fetch) { // the lines that hold one, in their order
			u = fmt.Sprintf(`"$(grep -o 'https\{0,1\}://[^ ]*$' -- %s | awk '!seen[$0]++' | sed -n %dp)"`, file, i+1)
		}
	}
	how := "-gsSL --max-redirs 10 --proto-redir "
	if strings.HasPrefix(strings.ToLower(fetch), "https:") {
		how += "'=https'"
	} else {
		how += "'=http,https'" // curl would follow to ftp
	}
	if agent := j.Job.UserAgent(); agent != "" {
		how += " -A " + Quote(agent)
	}
	return sh.line(`curl -fI ` + how + ` ` + u + ` || curl -r 0-0 -D - -o /dev/null ` + how + ` ` + u)
}
