package pages

import "net/http"

// search answers with what a search over everything has found.
func (s *screen) search(w http.ResponseWriter, r *http.Request) (err error) {
	f := s.frame(w, r, "search")
	if f.Found, err = s.model.Search(r.URL.Query().Get("q")); err != nil {
		return err
	}
	return s.write(w, r, http.StatusOK, f)
}
