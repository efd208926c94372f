package httpd

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"
)

// TestSessionAge: a session ends after a week, by the server's clock, however
// much it is used and whatever a browser keeps.
func TestSessionAge(t *testing.T) {
	const week = 7 * 24 * time.Hour
	synctest.Test(t, func(t *testing.T) {
		g := newGuesser(t)
		began := time.Now().Add(-time.Minute) // newGuesser slept after its sign-in
		for _, c := range []struct {
			after time.Duration
			want  int
		}{{time.Hour, http.StatusOK}, {24 * time.Hour, http.StatusOK}, {week - time.Second, http.StatusOK}, {week + 2*time.Second, http.StatusSeeOther}, {365 * 24 * time.Hour, http.StatusSeeOther}} {
			time.Sleep(time.Until(began.Add(c.after)))
			r := httptest.NewRequest(http.MethodGet, "/artifacts", nil)
			r.Header.Set("Cookie", g.cookie)
			w := httptest.NewRecorder()
			if g.srv.ServeHTTP(w, r); w.Code != c.want {
				t.Errorf("after %v: %d", c.after, w.Code)
			}
		}
	})
}
