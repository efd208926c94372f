package pages

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"

	"fromcache/httpd/answer"
	"fromcache/httpd/savings"
	"fromcache/httpd/show"
	"fromcache/templates"
)

// reports answers with what the cache saved: the page, and its tables as CSV.
type reports struct{ s *screen }

func (p reports) page(w http.ResponseWriter, r *http.Request) error {
	f := p.s.frame(w, r, "stats")
	var err error
	if f.Stats, err = p.s.model.Stats(show.WindowOf(r.URL.Query())); err != nil {
		return err
	}
	return p.s.write(w, r, http.StatusOK, f)
}

// csv answers with one table (RFC 4180) as a file to be saved.
func (p reports) csv(w http.ResponseWriter, r *http.Request) error {
	by := r.URL.Query().Get("by")
	if !savings.IsTable(by) {
		return answer.Refuse(http.StatusNotFound, templates.Word("no.table"))
	}
	report, err := p.s.model.Report(show.WindowOf(r.URL.Query()))
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := report.WriteCSV(&b, by); err != nil {
		return err
	}
	h := w.Header()
	h["Content-Type"] = []string{"text/csv; charset=utf-8; header=present"}
	h["Content-Disposition"] = []string{fmt.Sprintf(`attachment; filename="fromcache-%s-%s-%s.csv"`, by, report.From, report.To)}
	h["Content-Length"] = []string{strconv.Itoa(b.Len())}
	_, err = w.Write(b.Bytes())
	return err
}
