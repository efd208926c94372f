package pages

import (
	"errors"
	"net/http"
	"strconv"

	"fromcache/httpd/access"
	"fromcache/httpd/answer"
	"fromcache/templates"
)

func (s *Server) showLogin(w http.ResponseWriter, r *http.Request) error {
	if s.guard.Visitor(r).Read {
		redirect(w, r, ".")
		return nil
	}
	s.render(w, r, http.StatusOK, "login", "")
	return nil
}

func (s *Server) login(w http.ResponseWriter, r *http.Request) error {
	err := s.guard.SignIn(w, r, r.PostForm.Get("password"))
	if err == nil {
		redirect(w, r, ".")
		return nil
	}
	code, text := http.StatusUnauthorized, templates.Word("login.wrong")
	if early, ok := errors.AsType[*access.TooFast](err); ok {
		after := strconv.Itoa(early.Wait)
		w.Header()["Retry-After"] = []string{after}
		code, text = http.StatusTooManyRequests, templates.Word("login.wait", after)
	} else if !errors.Is(err, access.ErrWrongPassword) {
		return err
	}
	if wantsHTML(r) {
		s.render(w, r, code, "login", text)
		return nil
	}
	return answer.Refuse(code, err.Error())
}

func (s *Server) logout(w http.ResponseWriter, r *http.Request) error {
	if err := s.guard.SignOut(w, r); err != nil {
		return err
	}
	redirect(w, r, "ui/login")
	return nil
}
