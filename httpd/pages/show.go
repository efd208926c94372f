package pages

import (
	"net/http"
	"strconv"
	"strings"

	"fromcache/fsstore"
	"fromcache/httpd/answer"
	"fromcache/httpd/show"
	"fromcache/templates"
)

const (
	perPage = 100 // rows of a page
	glance  = 10  // rows of a list on the first page
)

func (s *Server) showAll(w http.ResponseWriter, r *http.Request) error {
	f := s.frame(w, r, "all")
	var err error
	f.Misses = s.model.Misses(show.MissQuery{Sort: "demand"}, 1, glance)
	for _, st := range []fsstore.State{fsstore.Active, fsstore.Failed} {
		f.Jobs.Sections = append(f.Jobs.Sections, s.model.Newest(st, glance))
	}
	if f.Artifacts, err = s.model.Artifacts(r.URL.Query(), pageOf(r), glance); err != nil {
		return err
	}
	if f.Summary.Artifacts == 0 && s.store.Replica() == nil {
		f.Connect = s.connecting(base(r))
	}
	return s.write(w, r, http.StatusOK, f)
}

// connect is how a client is connected to a server that holds nothing yet.
type connect struct {
	Probed       bool   // a client has asked
	Install, Ask string // lines for a shell there
}

// connecting returns the lines that connect a client to the server at this address.
func (s *Server) connecting(address string) *connect {
	c := &connect{
		Install: "export FROMCACHE_SERVER=" + address + "; fromcache-shim install && eval \"$(~/.fromcache/bin/fromcache-shim env)\"",
		Ask:     "curl -O https://ftp.gnu.org/gnu/hello/hello-2.12.tar.gz",
	}
	for _, st := range []fsstore.State{
		fsstore.Misses, fsstore.Queue, fsstore.Active, fsstore.Done, fsstore.Failed, fsstore.Cancelled, fsstore.Denied,
	} {
		c.Probed = c.Probed || s.view.Any(st)
	}
	return c
}

func (s *Server) showMisses(w http.ResponseWriter, r *http.Request) error {
	f := s.frame(w, r, "misses")
	f.Misses = s.model.Misses(show.MissQueryOf(r.URL.Query()), pageOf(r), perPage)
	return s.write(w, r, http.StatusOK, f)
}

func (s *Server) showDownloads(w http.ResponseWriter, r *http.Request) error {
	f := s.frame(w, r, "downloads")
	f.Jobs = s.model.Jobs(r.URL.Query().Get("state"), pageOf(r), perPage)
	return s.write(w, r, http.StatusOK, f)
}

// showJob is the page of one job: where it is, and its own log.
func (s *Server) showJob(w http.ResponseWriter, r *http.Request) (err error) {
	q := r.URL.Query()
	st := fsstore.State(q.Get("in"))
	if !show.IsDownload(st) && st != fsstore.Misses && st != fsstore.Denied {
		return answer.Refuse(http.StatusNotFound, templates.Word("no.directory"))
	}
	job, err := s.model.Job(st, q.Get("name"))
	if err != nil {
		return err
	}
	f := s.frame(w, r, "job")
	f.Job = job
	return s.write(w, r, http.StatusOK, f)
}

func (s *Server) showArtifacts(w http.ResponseWriter, r *http.Request) error {
	f := s.frame(w, r, "artifacts")
	var err error
	if f.Artifacts, err = s.model.Artifacts(r.URL.Query(), pageOf(r), perPage); err != nil {
		return err
	}
	return s.write(w, r, http.StatusOK, f)
}

func (s *Server) showArtifact(w http.ResponseWriter, r *http.Request) error {
	a, err := s.model.Artifact(strings.TrimPrefix(r.URL.Path, "/artifacts/"), base(r))
	if err != nil {
		return err
	}
	f := s.frame(w, r, "artifact")
	f.Artifact = a
	return s.write(w, r, http.StatusOK, f)
}

func (s *Server) showAdd(w http.ResponseWriter, r *http.Request) error {
	f := s.frame(w, r, "add")
	f.Dir = s.store.Dir()
	return s.write(w, r, http.StatusOK, f)
}

func pageOf(r *http.Request) int {
	n, err := strconv.Atoi(r.URL.Query().Get("page"))
	if err != nil || n < 1 {
		return 1
	}
	return n
}

// base returns scheme, host and path of the root under which the page was asked
// for, without a slash at its end.
func base(r *http.Request) string {
	scheme := "http://"
	if answer.OverTLS(r) {
		scheme = "https://"
	}
	return scheme + r.Host + answer.Prefix(r)
}
