package httpd

import (
	"bytes"
	"net/http"
	"strconv"

	"fromcache/fsstore"
)

// frame is what every page has.
type frame struct {
	Page, Title, Version string
	Open                 bool // no password is set
	SignedIn             bool
	Summary              summary
	Flash                string
	Status, Text, Back   string // of an error; Text of the sign-in as well

	Misses    missList
	Jobs      jobList
	Artifacts artifactList
}

// summary is the line at the head of each page.
type summary struct {
	Artifacts, Misses, Queued, Running, Jobs int
	NotNoted, Free, Total                    int64
}

const (
	perPage = 100 // rows of a page
	glance  = 10  // rows of a list on the first page
)

func (s *Server) showAll(w http.ResponseWriter, r *http.Request) error {
	f, err := s.frame(w, r, "all")
	if err != nil {
		return err
	}
	if f.Misses, err = s.missList(1, glance); err != nil {
		return err
	}
	if f.Jobs, err = s.jobList(1, glance); err != nil {
		return err
	}
	if f.Artifacts, err = s.artifactList(r, perPage); err != nil {
		return err
	}
	return s.write(w, http.StatusOK, f)
}

func (s *Server) showMisses(w http.ResponseWriter, r *http.Request) error {
	f, err := s.frame(w, r, "misses")
	if err != nil {
		return err
	}
	if f.Misses, err = s.missList(pageOf(r), perPage); err != nil {
		return err
	}
	return s.write(w, http.StatusOK, f)
}

func (s *Server) showDownloads(w http.ResponseWriter, r *http.Request) error {
	f, err := s.frame(w, r, "downloads")
	if err != nil {
		return err
	}
	if f.Jobs, err = s.jobList(pageOf(r), perPage); err != nil {
		return err
	}
	return s.write(w, http.StatusOK, f)
}

func (s *Server) showArtifacts(w http.ResponseWriter, r *http.Request) error {
	f, err := s.frame(w, r, "artifacts")
	if err != nil {
		return err
	}
	if f.Artifacts, err = s.artifactList(r, perPage); err != nil {
		return err
	}
	return s.write(w, http.StatusOK, f)
}

func (s *Server) showAdd(w http.ResponseWriter, r *http.Request) error {
	f, err := s.frame(w, r, "add")
	if err != nil {
		return err
	}
	return s.write(w, http.StatusOK, f)
}

var titles = map[string]string{
	"all": "fromcache", "misses": "Misses – fromcache", "downloads": "Downloads – fromcache",
	"artifacts": "Artifacts – fromcache", "add": "Add – fromcache", "login": "fromcache", "error": "Error – fromcache",
}

// frame begins a page for an operator.
func (s *Server) frame(w http.ResponseWriter, r *http.Request, page string) (*frame, error) {
	sum, err := s.summary()
	if err != nil {
		return nil, err
	}
	return &frame{
		Page: page, Title: titles[page], Version: s.opt.Version, Open: s.signIn.off, SignedIn: true,
		Summary: sum, Flash: s.takeFlash(w, r),
	}, nil
}

func (s *Server) summary() (sum summary, err error) {
	for _, c := range []struct {
		n  *int
		st fsstore.State
	}{{&sum.Misses, fsstore.Misses}, {&sum.Queued, fsstore.Queue}, {&sum.Running, fsstore.Active}} {
		if *c.n, err = s.store.Count(c.st); err != nil {
			return sum, err
		}
	}
	sum.Jobs = sum.Queued + sum.Running
	sum.NotNoted = s.store.NotNoted()
	if sum.Free, sum.Total, err = s.store.Free(); err != nil {
		return sum, err
	}
	sum.Artifacts, err = s.store.CountArtifacts()
	return sum, err
}

// render writes a page that needs no list: the sign-in, or an error. To who is
// not signed in it says nothing of the cache.
func (s *Server) render(w http.ResponseWriter, r *http.Request, code int, page, text string) {
	f := &frame{Page: page, Title: titles[page], Open: s.signIn.off, Text: text, Back: backTo(r)}
	f.Status = strconv.Itoa(code) + " " + http.StatusText(code)
	if page == "error" && s.signIn.holds(r) {
		f.Version = s.opt.Version
		if sum, err := s.summary(); err == nil {
			f.Summary, f.SignedIn = sum, true
		}
	}
	if err := s.write(w, code, f); err != nil {
		plainText(w, code, text)
	}
}

// write renders whole before it sends, so that an error is never half a page.
func (s *Server) write(w http.ResponseWriter, code int, f *frame) error {
	var b bytes.Buffer
	if err := s.pages.Execute(&b, f.Page, f); err != nil {
		return err
	}
	h := w.Header()
	h["Content-Type"] = []string{"text/html; charset=utf-8"}
	h["Content-Length"] = []string{strconv.Itoa(b.Len())}
	w.WriteHeader(code)
	w.Write(b.Bytes())
	return nil
}
