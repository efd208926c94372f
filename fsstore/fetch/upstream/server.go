package upstream

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"fromcache/fsstore"
	"fromcache/fsstore/fetch/client"
	"fromcache/fsstore/key"
)

// Server is another fromcache. Any number of goroutines may use it.
type Server struct {
	URL string // without a slash at its end

	client *client.Client
	kept   *client.Kept // for wishes
	name   string       // of this server in Via

	mu        sync.Mutex
	downUntil time.Time
	down      *PassError // why, until then
}

// PassError says why an upstream does not bring a URL, so that the next one is asked.
type PassError struct {
	Why     string
	NotHeld bool // it answered that it does not hold the URL, and nobody has approved it there
	NoReply bool // it could not be reached, or its answer broke off
}

func (e *PassError) Error() string { return e.Why }

// WaitError says that an upstream is about to hold a URL.
type WaitError struct {
	Why   string
	After time.Duration // after which to ask again
	Names []string      // of the servers that are waited for, in Via; may be empty
	Busy  bool          // it may have the URL, and has no time to say
}

func (e *WaitError) Error() string { return e.Why }

// Host returns host and port, as a log line can name the server.
func (s *Server) Host() string {
	u, err := url.Parse(s.URL)
	if err != nil {
		return ""
	}
	return u.Host
}

// address returns where the server has a URL, and of that the bytes of a digest unless that is "".
// The name at its end is for people who read a log.
func (s *Server) address(raw, digest string) string {
	a := s.URL + "/b/" + base64.RawURLEncoding.EncodeToString([]byte(raw))
	if digest != "" {
		a += "." + digest
	}
	if u, err := key.Parse(raw, key.Auto); err == nil {
		a += "/" + u.Key()
	}
	return a
}

// Get requests a URL, and with a digest those bytes of it alone. The answer's status is 200, 206,
// 304 or 416, and it has the digest that Digest returns. The caller closes it. The error is a
// *PassError, a *WaitError, or the cause for which ctx ended.
func (s *Server) Get(ctx context.Context, raw, digest string, fields http.Header) (*client.Answer,
	error) {
	if down := s.isDown(); down != nil {
		return nil, down
	}
	began := time.Now()
	a, err := s.client.Ask(ctx, client.Request{
		URL: s.address(raw, digest), Fields: s.withVia(fields), NoRedirects: true,
	})
	if full, ok := errors.AsType[*client.HostFullError](err); ok {
		return nil, &WaitError{Why: s.says(inOurWords(full)), After: shortest}
	}
	if cause := context.Cause(ctx); err != nil && cause != nil {
		return nil, cause
	}
	if err != nil {
		return nil, s.setDown(began, err)
	}
	if err := s.judge(a); err != nil {
		a.Close()
		return nil, err
	}
	return a, nil
}

// withVia returns fields and the line of Via that names the servers that a request came through, this
// one last.
func (s *Server) withVia(fields http.Header, via ...string) http.Header {
	h := maps.Clone(fields)
	if h == nil {
		h = http.Header{}
	}
	h.Set("Via", "1.1 "+strings.Join(append(slices.Clone(via), s.name), ", 1.1 "))
	return h
}

// setDown notes that the server could not be reached. It is not asked for three times as long as
// that took to see, because each job would take as long to see it again.
func (s *Server) setDown(began time.Time, err error) *PassError {
	took := time.Since(began)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = &PassError{Why: s.says(inOurWords(err)), NoReply: true}
	s.downUntil = time.Now().Add(min(3*took, 30*time.Second))
	return s.down
}

func (s *Server) isDown() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down == nil || time.Now().After(s.downUntil) {
		return nil
	}
	return s.down
}

// inOurWords returns the text of a client's error, which names the flag of files for origins.
func inOurWords(err error) string {
	return strings.ReplaceAll(err.Error(), "--origins", "--upstream-credentials")
}

// says names the server before what is said of it.
func (s *Server) says(what string) string { return "upstream " + s.URL + ": " + what }

func (s *Server) pass(format string, args ...any) *PassError {
	return &PassError{Why: s.says(fmt.Sprintf(format, args...))}
}

const (
	shortest = 2 * time.Second // between two requests for what is awaited
	longest  = 5 * time.Second // its guess of what a download still takes may be wrong
	maxBusy  = time.Minute     // for which a server that is busy may ask to be left alone
)

// judge returns nil for an answer that brings the URL.
func (s *Server) judge(a *client.Answer) error {
	status := fmt.Sprintf("%d %s", a.StatusCode, http.StatusText(a.StatusCode))
	switch code := a.StatusCode; {
	case code == 200, code == 206, code == 304, code == 416:
		if Digest(a) == "" {
			return s.pass("it is no fromcache, for its answer has no X-Fromcache-Sha256: " +
				"check --upstream")
		}
		return nil
	case code == http.StatusNotFound:
		return s.notHeld(a)
	case code == http.StatusLoopDetected:
		return s.pass("a loop (508): it has this server among its own upstreams, and one waits for " +
			"the other, or it is this server itself")
	case code >= 300 && code <= 399:
		return s.pass("it redirects (%s), which is not followed: name the address that it leads to "+
			"by --upstream", status)
	case code == 401 || code == 403 || code == 407:
		return s.pass("%s: put what it wants into the file %s of --upstream-credentials (over http "+
			"with the line `# allow http`)", status, a.Host())
	case code == 503 && a.RetryAfter() > 0 && a.RetryAfter() <= maxBusy:
		return &WaitError{Why: s.says("it is busy (503)"), After: max(a.RetryAfter(), shortest),
			Busy: true}
	}
	return s.pass("it answers %s", status)
}

// notHeld reads a 404.
func (s *Server) notHeld(a *client.Answer) error {
	wait := &WaitError{After: min(max(a.RetryAfter(), shortest), longest), Names: viaOf(a.Header)}
	switch v := fsstore.Verdict(verdictOf(a.Header)); v {
	case fsstore.VerdictQueued:
		wait.Why = s.says("it has it queued")
		return wait
	case fsstore.VerdictActive:
		wait.Why = s.says("it is fetching it")
		return wait
	case fsstore.VerdictDenied:
		return &PassError{Why: s.says("it is denied there"), NotHeld: true}
	case "":
		return s.pass("it is no fromcache, for its 404 has no Cache-Status of one: check --upstream")
	}
	return &PassError{Why: s.says("not held, and not approved there yet"), NotHeld: true}
}

// verdictOf returns the detail that a fromcache gave in Cache-Status (RFC 9211, 2), or "". Caches
// on the way may have added members of their own.
func verdictOf(h http.Header) string {
	for member := range strings.SplitSeq(strings.Join(h.Values("Cache-Status"), ","), ",") {
		params := strings.Split(member, ";")
		if strings.TrimSpace(params[0]) != "fromcache" {
			continue
		}
		for _, p := range params[1:] {
			if v, ok := strings.CutPrefix(strings.TrimSpace(p), "detail="); ok {
				return v
			}
		}
	}
	return ""
}

// viaOf returns the names in Via.
func viaOf(h http.Header) (names []string) {
	for entry := range strings.SplitSeq(strings.Join(h.Values("Via"), ","), ",") {
		if words := strings.Fields(entry); len(words) > 1 && len(names) < 16 {
			names = append(names, words[1])
		}
	}
	return names
}
