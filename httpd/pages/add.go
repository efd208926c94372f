package pages

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"fromcache/fsstore"
	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
	"fromcache/httpd/answer"
	"fromcache/httpd/show"
	"fromcache/templates"
)

// fetch queues what was pasted: one URL, or a list in the format of a file in
// queue/, with lines "sha256 <hex>" and comments. A miss of the same key is approved.
func (s *Server) fetch(w http.ResponseWriter, r *http.Request) error {
	list, err := additions(r.PostForm)
	if err != nil {
		return err
	}
	if len(list) == 1 {
		n, err := s.store.Add(list[0], s.by(r))
		if err != nil {
			return err
		}
		s.queued(r, n)
		return s.finish(w, r, templates.Word("did.fetch", n))
	}
	queued, refused := 0, []string(nil)
	for _, a := range list {
		n, err := s.store.Add(a, s.by(r))
		switch {
		case err == nil:
			queued++
			s.queued(r, n)
		case errors.Is(err, key.ErrBadURL),
			errors.Is(err, fsstore.ErrDenied),
			errors.Is(err, fsstore.ErrInvalid),
			errors.Is(err, fsstore.ErrBusy):
			refused = append(refused, show.URL(a.URL, "")+": "+key.RedactText(err.Error()))
		default:
			return err
		}
	}
	text := templates.Word("did.fetch", templates.Word("did.of", queued, len(list)))
	if len(refused) > 0 {
		text += "; " + templates.Word("did.not", strings.Join(refused, "; "))
	}
	return s.finish(w, r, text)
}

func (s *Server) queued(r *http.Request, name string) {
	s.log.Info("queued", "name", name, "addr", answer.ClientAddr(r))
	s.view.Reread(strings.TrimSuffix(name, ".job"))
}

// additions reads the form. Its options hold for all of its URLs; a digest is
// allowed for one URL only.
func additions(f url.Values) ([]fsstore.Addition, error) {
	sum := digestIn(f)
	text := strings.TrimSpace(strings.ReplaceAll(f.Get("url"), "\r\n", "\n"))
	switch {
	case text == "":
		return nil, answer.Refuse(http.StatusBadRequest, templates.Word("no.field", "url"))
	case sum != "" && !fsstore.IsDigest(sum):
		return nil, answer.Refuse(http.StatusBadRequest,
			templates.Word("no.digest"))
	}
	list, err := pasted(text)
	if err != nil {
		return nil, err
	}
	if sum != "" && len(list) > 1 {
		return nil, answer.Refuse(http.StatusBadRequest,
			templates.Word("no.onedigest"))
	}
	for i := range list {
		if sum != "" {
			list[i].SHA256 = sum
		}
		if err := accept(&list[i], f["accept"]); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// pasted parses a list. A single line is a URL, which the store judges.
func pasted(text string) ([]fsstore.Addition, error) {
	if !strings.Contains(text, "\n") {
		return []fsstore.Addition{{URL: text}}, nil
	}
	file := job.Parse([]byte(text + "\n"))
	if len(file.Bad) > 0 {
		b := file.Bad[0]
		return nil, answer.Refuse(http.StatusBadRequest, templates.Word("no.line", b.N, b.Why))
	}
	var list []fsstore.Addition
	for i := range file.Jobs {
		list = append(list, fsstore.AdditionOf(&file.Jobs[i]))
	}
	if len(list) == 0 {
		return nil, answer.Refuse(http.StatusBadRequest, templates.Word("no.list"))
	}
	return list, nil
}

func accept(a *fsstore.Addition, values []string) error {
	for _, v := range values {
		switch v {
		case "text/html":
			a.AcceptHTML = true
		case "any":
			a.AcceptAny = true
		case "http":
			a.AcceptHTTP = true
		case "private":
			a.AcceptPrivate = true
		default:
			return answer.Refuse(http.StatusBadRequest, templates.Word("no.accept"))
		}
	}
	return nil
}
