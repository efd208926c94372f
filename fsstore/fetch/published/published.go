// Package published finds the digests that a site publishes beside a file: in FILE.sha256, SHA256SUMS
// and lists of that kind, and whether there is a signature. It decides nothing: what was found, in
// which list and by which way it came is told to a person.
//
//	published.go  asks for the lists, under the rules of a download
//	list.go       reads one, in the formats of sha256sum of GNU and of BSD
package published

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"fromcache/fsstore/fetch/client"
)

const (
	// maxList is the largest list that is read, in bytes. Those of whole distributions have some
	// hundred KiB.
	maxList = 1 << 20
	// atOnce is how many files are asked for at the same time, because most sites have none of them.
	atOnce = 3
	// timeout is how long all of it may take: an operator waits.
	timeout = 20 * time.Second
)

// lists are the names of lists of a whole directory.
var lists = []string{
	"SHA256SUMS", "SHA256SUMS.txt", "sha256sum.txt", "sha256sums.txt", "CHECKSUMS", "CHECKSUMS.txt", "checksums.txt",
}

// Digest is what one list says of the file.
type Digest struct {
	SHA256 string // in hex; "": the list names several for it
	In     string // the name of the list
	Host   string // that answered
	HTTPS  bool   // each hop was https
}

// Found is what there is beside a file.
type Found struct {
	Digests    []Digest // by the order in which lists are asked for
	Signatures []string // names of signatures, which nobody has checked
	Trouble    string   // why nothing was found, where a site could not be asked
}

// Agreed returns the digest if the lists name one and the same, else "".
func (f *Found) Agreed() string {
	if len(f.Digests) == 0 {
		return ""
	}
	sum := f.Digests[0].SHA256
	if slices.ContainsFunc(f.Digests, func(d Digest) bool { return d.SHA256 != sum }) {
		return ""
	}
	return sum
}

// Find asks for what may stand beside the file of a URL, without the URL's query, because that may
// be a signature for the file alone. Addresses, credentials, redirects and denials are those of a
// download; agent is the User-Agent ("": Client.UserAgent).
func Find(ctx context.Context, c *client.Client, raw, agent string) Found {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	raw, _, _ = strings.Cut(raw, "?")
	raw, _, _ = strings.Cut(raw, "#")
	dir, base := raw[:strings.LastIndex(raw, "/")+1], raw[strings.LastIndex(raw, "/")+1:]
	if base == "" || strings.HasSuffix(dir, "://") {
		return Found{Trouble: "the URL names a directory, and no file"}
	}
	names := append([]string{base + ".sha256", base + ".sha256sum"}, lists...)
	signatures := []string{base + ".asc", base + ".sig"}
	q := question{c, agent, dir, base}
	answers := make([]answer, len(names)+len(signatures))
	var work sync.WaitGroup
	room := make(chan struct{}, atOnce)
	for i, name := range append(names, signatures...) {
		room <- struct{}{}
		work.Go(func() {
			defer func() { <-room }()
			if i < len(names) {
				answers[i] = q.list(ctx, name)
			} else {
				answers[i] = q.signature(ctx, name)
			}
		})
	}
	work.Wait()
	return gather(answers)
}

// answer is what became of one name.
type answer struct {
	digest    *Digest
	signature string
	err       error
}

func gather(answers []answer) (f Found) {
	for _, a := range answers {
		switch {
		case a.digest != nil:
			f.Digests = append(f.Digests, *a.digest)
		case a.signature != "":
			f.Signatures = append(f.Signatures, a.signature)
		case a.err != nil && f.Trouble == "":
			f.Trouble = a.err.Error()
		}
	}
	if len(f.Digests)+len(f.Signatures) > 0 {
		f.Trouble = ""
	}
	return f
}

// question is what is asked about one file.
type question struct {
	c                *client.Client
	agent, dir, base string
}

// list asks for one list. A page, which some sites answer to any URL, is none.
func (q question) list(ctx context.Context, name string) (a answer) {
	ans, err := q.c.Ask(ctx, client.Request{URL: q.dir + name, UserAgent: q.agent})
	if err != nil {
		return answer{err: err}
	}
	defer ans.Close()
	if ans.StatusCode != http.StatusOK || isPage(ans.Header.Get("Content-Type")) ||
		ans.Header.Get("Content-Encoding") != "" || ans.ContentLength > maxList {
		return a
	}
	text, err := io.ReadAll(io.LimitReader(ans.Body, maxList+1))
	if err != nil || len(text) > maxList { //guard:fsstore/fetch.TestPublished
		return answer{err: err}
	}
	sums := sumsIn(string(text), pathOf(q.dir+q.base), name != q.base+".sha256" && name != q.base+".sha256sum")
	if len(sums) == 0 {
		return a
	}
	d := &Digest{In: name, Host: ans.Host(), HTTPS: !slices.ContainsFunc(append(ans.Redirects(), ans.URL()), isPlain)}
	if len(sums) == 1 {
		d.SHA256 = sums[0]
	}
	return answer{digest: d}
}

// signature asks whether there is a file of that name.
func (q question) signature(ctx context.Context, name string) answer {
	f, err := q.c.Head(ctx, q.dir+name, q.agent)
	if err != nil {
		return answer{err: err}
	}
	if f.Status != http.StatusOK || isPage(f.Type) {
		return answer{}
	}
	return answer{signature: name}
}

func isPlain(raw string) bool { return !strings.HasPrefix(strings.ToLower(raw), "https://") }

func isPage(kind string) bool {
	kind = strings.ToLower(kind)
	return strings.Contains(kind, "html") || strings.Contains(kind, "xml")
}

// pathOf returns the path of a URL, decoded.
func pathOf(raw string) string {
	_, rest, _ := strings.Cut(raw, "://")
	_, path, _ := strings.Cut(rest, "/")
	if plain, err := url.PathUnescape(path); err == nil {
		path = plain
	}
	return "/" + path
}
