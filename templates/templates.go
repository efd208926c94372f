// Package templates holds the operator's pages: html/template files and their
// static files, embedded. It knows nothing of the cache: httpd hands it
// finished, redacted values, and every one of them is escaped here.
package templates

import (
	"embed"
	"html/template"
	"io"
	"io/fs"
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
		"size": Size, "when": When, "stamp": stamp, "short": short,
	}).ParseFS(files, "*.html")
	if err != nil {
		return nil, err
	}
	return &Pages{set}, nil
}

// Execute writes the page of that name.
func (p *Pages) Execute(w io.Writer, name string, data any) error {
	return p.set.ExecuteTemplate(w, name, data)
}

// Static is the tree of static files.
func Static() fs.FS {
	tree, err := fs.Sub(files, "static")
	if err != nil {
		panic(err) // the name above is no valid path
	}
	return tree
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
