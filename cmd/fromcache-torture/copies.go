package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"

	"fromcache/cmd/fromcache-torture/judge"
)

// copies: threat 13. rsync of a tree that is written to, judged as a backup:
// each artifact of the copy is whole or a miss, and a server starts on it.
func copies(p *program, rounds int, row *judge.Row) {
	if !hasRsync(row) {
		return
	}
	l, s, ok := p.serving(row, nil)
	if !ok {
		return
	}
	defer l.close()
	for n := range rounds {
		for i := range 4 {
			s.post("/admin/fetch", "url", fmt.Sprintf("%s/%d/copy-%d-%d.bin", p.origin.URL, 300+i*9000, n, i))
		}
		dir := fmt.Sprintf("%s/copy-%d", l.root, n)
		if err := l.backUp(dir); err != nil {
			row.Violated("copy %d: %v", n, err)
			continue
		}
		p.judgeCopy(dir, row)
		os.RemoveAll(dir)
		row.Tried("copies", 1)
	}
	l.end("copies", s, row)
}

func hasRsync(row *judge.Row) bool {
	_, err := exec.LookPath("rsync")
	if err != nil {
		row.Note("needs rsync, which is not installed: not run")
	}
	return err == nil
}

// backUp is what the README says: meta/ before blobs/. 24 says that files went
// while they were copied.
func (l *lab) backUp(dir string) error {
	return sh(`mkdir -p %[2]s; gone() { "$@" || test $? = 24; }; gone rsync -a %[1]s/meta %[2]s/; gone rsync -a %[1]s/done %[1]s/meta %[2]s/; `+
		`for pass in 1 2; do gone rsync -a --exclude=/done --exclude=/meta --exclude=/session-secret --include='/tmp/*.gone' --exclude='/tmp/*' %[1]s/ %[2]s/; done`,
		l.data, dir)
}

// judgeCopy asks a server on the copy for all that its metas name: as meta/ was
// copied first, the blobs are there.
func (p *program) judgeCopy(dir string, row *judge.Row) {
	l := p.labOn(dir)
	defer l.close()
	urls := l.urls()
	s, ok := l.serve(row, nil)
	if !ok {
		return
	}
	for _, url := range urls {
		if code := p.trueOrMiss(s, url, row); code == 404 {
			row.Violated("a meta was copied, and %s is not held", url)
		}
	}
}

// trueOrMiss: I4. An answer is a miss or the true bytes, whole.
func (p *program) trueOrMiss(s *server, url string, row *judge.Row) (code int) {
	code, b, err := s.get(url)
	path := strings.TrimPrefix(url, p.origin.URL)
	if err != nil || code != 404 && (code != 200 || digest(b) != digest(body(path, 0))) {
		row.Violated("I4: %s: %d, %d bytes, %v", path, code, len(b), err)
	}
	row.Tried("answers", 1)
	return code
}

// urls lists what the metas name.
func (l *lab) urls() (urls []string) {
	for a, err := range l.open().Artifacts() {
		if err == nil {
			urls = append(urls, a.URL)
		}
	}
	return urls
}
