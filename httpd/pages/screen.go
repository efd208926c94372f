package pages

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"strconv"
	"sync"

	"fromcache/fsstore"
	"fromcache/httpd/access"
	"fromcache/httpd/answer"
	"fromcache/httpd/live"
	"fromcache/httpd/show"
	"fromcache/templates"
)

// screen writes pages: what is on every one of them, messages that wait for the next, and errors.
type screen struct {
	store   *fsstore.Store
	version string // for the foot of the pages
	pages   *templates.Pages
	guard   *access.Guard
	flashes *access.Cookie
	model   *show.Model
	errs    *answer.Log
}

// frame is what every page has.
type frame struct {
	Page, Title, Version string
	Root, Self           string // the paths of all pages' root, and of this page, for a browser
	Open                 bool   // no password is set
	SignedIn             bool
	Summary              show.Summary
	Flash                string
	Undo                 *undo // of what Flash tells
	Sure                 *confirmation
	Status, Text, Back   string // of an error; Text of the sign-in as well

	Misses    show.Misses
	Jobs      show.Jobs
	Job       show.Job
	Artifacts show.Artifacts
	Artifact  *show.Artifact
	Miss      show.MissRow
	Connect   *connect // nil: something is held
	Stats     *show.Stats
	Found     *show.Found
	Rules     show.Rules
	Problems  []fsstore.Problem
	Dir       string // of the data
}

// titleOf returns what a browser calls a page.
func titleOf(page string) string {
	switch page {
	case "all", "login":
		return "fromcache"
	case "ask":
		page = "facts"
	}
	return templates.Word("title", templates.Word(page+".title"))
}

// frame begins a page for an operator.
func (s *screen) frame(w http.ResponseWriter, r *http.Request, page string) *frame {
	f := s.bareFrame(r, page)
	f.Version, f.SignedIn = s.version, true
	f.Flash, f.Undo = s.takeFlash(w, r)
	f.Summary, f.Problems = s.model.Summary(), s.store.Problems()
	return f
}

// bareFrame begins a page for anybody.
func (s *screen) bareFrame(r *http.Request, page string) *frame {
	prefix := answer.Prefix(r)
	return &frame{
		Page:  page,
		Title: titleOf(page),
		Root:  prefix + "/",
		Self:  prefix + r.URL.RequestURI(),
		Open:  s.guard.Open(),
	}
}

// header is the line at the head of each page as HTML. It tells free space in steps of 64 MiB,
// because each change of it is sent to every open page.
func (s *screen) header() (string, error) {
	sum := s.model.Summary()
	sum.Free -= sum.Free % (64 << 20)
	var b bytes.Buffer
	err := s.pages.Execute(&b, "summary", sum)
	return b.String(), err
}

// Triggers returns what has htmx fetch the page again.
func (f *frame) Triggers() string { return live.Triggers(f.Page) }

// render writes the sign-in or an error. Who is not signed in learns nothing of the
// cache from it.
func (s *screen) render(w http.ResponseWriter, r *http.Request, code int, page, text string) {
	f := s.bareFrame(r, page)
	f.Text, f.Back = text, backTo(r)
	f.Status = strconv.Itoa(code) + " " + http.StatusText(code)
	if page == "error" && s.guard.Visitor(r).Read {
		f.Version, f.Summary, f.SignedIn = s.version, s.model.Summary(), true
	}
	if err := s.write(w, r, code, f); err != nil {
		answer.Text(w, code, text)
	}
}

// fail answers a request that ended in err, and logs what is the server's fault.
func (s *screen) fail(w http.ResponseWriter, r *http.Request, err error) {
	code, text := s.errs.Judge(w, err)
	if wantsHTML(r) {
		s.render(w, r, code, "error", text)
		return
	}
	answer.Text(w, code, text)
}

// write renders the whole page before it sends anything, so that an error is never
// half a page.
func (s *screen) write(w http.ResponseWriter, r *http.Request, code int, f *frame) error {
	var b bytes.Buffer
	if err := s.pages.Execute(&b, f.Page, f); err != nil {
		return err
	}
	h := w.Header()
	h["Content-Type"] = textHTML
	h["Vary"] = []string{"Accept-Encoding"}
	body := b.Bytes()
	if takesGzip(r) && len(body) > 1400 { // what is smaller is one packet anyway
		h["Content-Encoding"] = []string{"gzip"}
		body = gzipped(body)
	}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	w.WriteHeader(code)
	w.Write(body)
	return nil
}

var textHTML = []string{"text/html; charset=utf-8"}

var squeezers = sync.Pool{New: func() any {
	w, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed) // 1 ms for a page
	return w
}}

// gzipped compresses a page, which holds no secret that a stranger could guess by
// its length.
func gzipped(b []byte) []byte {
	var z bytes.Buffer
	w := squeezers.Get().(*gzip.Writer)
	defer squeezers.Put(w)
	w.Reset(&z)
	w.Write(b)
	w.Close()
	return z.Bytes()
}
