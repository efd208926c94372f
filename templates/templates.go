// Package templates holds the operator's pages: html/template files and their
// static files, embedded. It knows nothing of the cache: httpd hands it
// finished, redacted values, and every one of them is escaped here.
//
// The files in static/vendor are copied from npm at build time by the script
// assets. Without them the pages are plain, and everything on them works.
package templates

import (
	"embed"
	"fmt"
	"html/template"
	"io"
	"net/url"
	"strconv"
	"time"
)

//go:embed *.html static
var files embed.FS

// Pages are the parsed templates. They may be used by many goroutines.
type Pages struct{ set *template.Template }

// Parse parses the embedded templates.
func Parse() (*Pages, error) {
	set, err := template.New("").Funcs(template.FuncMap{
		"size": Size, "when": When, "stamp": stamp, "short": short, "asset": assetPath, "count": grouped, "action": newAction, "asking": asking, "many": many,
	}).ParseFS(files, "*.html")
	if err != nil {
		return nil, err
	}
	return &Pages{set}, nil
}

// Action is a button, and beside it a small one for the shell line of the same
// verb. Both send the form that they belong to.
type Action struct {
	Verb, Label  string
	Look         string // classes
	Form         string // id of the form, where the button is not in it
	Field, Value string // sent with the form
	In           string // the row's directory, where others may hold its name
	Ask          string // the question that is asked first
	Accept       string // what is accepted from now on
	Into         string // id of the element that takes the answer, else it is a new page
	NameOnly     bool   // the line wants of a file its name alone, and no field filled
}

// Post is where the button sends its form.
func (a Action) Post() string { return "/admin/" + a.Verb + a.query() }

// Line is where the one beside it does.
func (a Action) Line() string { return "/admin/" + a.Verb + "/shell" + a.query() }

func (a Action) query() string {
	v := url.Values{}
	if a.In != "" {
		v.Set("in", a.In)
	}
	if a.Accept != "" {
		v.Set("accept", a.Accept)
	}
	if len(v) == 0 {
		return ""
	}
	return "?" + v.Encode()
}

func newAction(verb, label, look string) Action { return Action{Verb: verb, Label: label, Look: look} }

// asking is a where a question is asked first, in which {} is the form's key.
func asking(question string, a Action) Action {
	a.Ask = question
	return a
}

// Execute writes the page or row of that name.
func (p *Pages) Execute(w io.Writer, name string, data any) error {
	return p.set.ExecuteTemplate(w, name, data)
}

// Size is a number of bytes for people, in binary units.
func Size(n int64) string {
	if n < 1<<10 {
		return strconv.FormatInt(n, 10) + " B"
	}
	f, unit := float64(n), -1
	for f >= 1024 && unit < 5 {
		f /= 1024
		unit++
	}
	digits := 1
	if f >= 100 {
		digits = 0
	}
	return strconv.FormatFloat(f, 'f', digits, 64) + " " + string("KMGTPE"[unit]) + "iB"
}

// Count is a number for people: 12,345.
func Count(n int64) string { return grouped(n) }

func grouped(n any) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// many is the word for n of something.
func many(n int, one, more string) string {
	if n == 1 {
		return one
	}
	return more
}

// When is a time for people, in UTC; "–" where there is none.
func When(t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	return t.UTC().Format("2006-01-02 15:04:05Z")
}

// stamp is a time for programs.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// short is the beginning of a digest.
func short(digest string) string { return digest[:min(12, len(digest))] }
