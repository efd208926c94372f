package torture

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestCopies: threat 13. rsync of a tree that is written to, judged as a backup:
// each artifact of the copy is whole or a miss, and a server starts on it.
func TestCopies(t *testing.T) {
	p, row := begin(t, "13 rsync of a live tree")
	rounds := size(5, 100)
	needs(row, "rsync")
	l, s := p.serving(row, nil)
	defer l.close()
	for n := range rounds {
		for i := range 4 {
			s.post("/admin/fetch", "url", fmt.Sprintf("%s/%d/copy-%d-%d.bin", p.origin.URL, 300+i*9000, n, i))
		}
		dir := fmt.Sprintf("%s/copy-%d", l.root, n)
		if err := l.backUp(dir); err != nil {
			row.Errorf("copy %d: %v", n, err)
			continue
		}
		p.judgeCopy(dir, row)
		os.RemoveAll(dir)
		row.Tried("copies", 1)
	}
	l.end("copies", s, row)
	row.AtLeast(size(15, 1000), "answers")
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
func (p *program) judgeCopy(dir string, row *Row) {
	l := p.labOn(row, dir)
	defer l.close()
	urls := l.urls()
	s := l.serve(row, nil)
	for _, url := range urls {
		if code := p.trueOrMiss(s, url, row); code == 404 {
			row.Errorf("a meta was copied, and %s is not held", url)
		}
	}
}

// trueOrMiss: I4. An answer is a miss or the true bytes, whole.
func (p *program) trueOrMiss(s *server, url string, row *Row) (code int) {
	code, b, err := s.get(url)
	path := strings.TrimPrefix(url, p.origin.URL)
	if err != nil || code != 404 && (code != 200 || digest(b) != digest(body(path, 0))) {
		row.Errorf("I4: %s: %d, %d bytes, %v", path, code, len(b), err)
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
