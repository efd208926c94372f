// Package templates holds the operator's pages: html/template files and their
// static files, embedded. It knows nothing of the cache: httpd hands it
// finished, redacted values, and every one of them is escaped here.
//
// Addresses in them are relative to the root of the pages, which is the base of
// each page, because a proxy may show that root below a path of its own.
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
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

//go:embed *.html static
var files embed.FS

// Pages are the parsed templates. They may be used by many goroutines.
type Pages struct{ set *template.Template }

// Parse parses the embedded templates. The pages of a replica have no buttons, because nothing can be
// changed in one.
func Parse(replica bool) (*Pages, error) {
	set, err := template.New("").Funcs(template.FuncMap{
		"size": Size, "when": When, "ago": Ago, "stamp": stamp, "short": short, "asset": assetPath, "count": grouped, "action": newAction, "asking": asking, "many": many,
		"say": Say, "word": Word, "words": scriptWords, "place": PlaceOf, "menu": MenuOf,
		"replica": func() bool { return replica },
	}).ParseFS(files, "*.html")
	if err != nil {
		return nil, err
	}
	return &Pages{set}, nil
}

// Action is a button. It sends the form that it belongs to.
type Action struct {
	Verb, Label  string
	Look         string // classes
	Form         string // id of the form, where the button is not in it
	Field, Value string // sent with the form
	In           string // the row's directory, where others may hold its name
	File         string // the row's file in the data directory, for Line
	Ask          string // the question that is asked first
	Accept       string // what is accepted from now on
	SHA256       string // the digest that the download must have
	First        bool   // it stands in the row, the others in its menu
}

// Post returns the address that the button sends its form to, from the root of the pages.
func (a Action) Post() string {
	v := url.Values{}
	if a.In != "" {
		v.Set("in", a.In)
	}
	if a.Accept != "" {
		v.Set("accept", a.Accept)
	}
	if a.SHA256 != "" {
		v.Set("sha256", a.SHA256)
	}
	return strings.TrimSuffix("admin/"+a.Verb+"?"+v.Encode(), "?")
}

// bare are the names that a shell takes for one word as they are: all keys, and
// all that is not meant to be awkward.
var bare = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._@%+,:-]*$`)

// domains are the names of files that speak for all hosts of a domain; a shell takes their * for more.
var domains = regexp.MustCompile(`^\*\.[A-Za-z0-9._-]+$`)

// Line returns what a shell in the data directory runs to do what the button
// does, or "" where there is no such line: one would need quoting, or the button
// changes nothing.
func (a Action) Line() string {
	_, name, _ := strings.Cut(a.File, "/")
	switch {
	case (a.Verb == "unrule" || a.Verb == "undeny") && domains.MatchString(name):
		return "rm '" + a.File + "'"
	case !bare.MatchString(a.Value) || a.File != "" && !bare.MatchString(name) || a.Verb == "ask" || a.Verb == "digests", a.Verb == "again" && a.File == "":
		return ""
	case a.File == "":
		return "fromcache " + a.Verb + " --data-dir . " + a.Value
	case a.Verb == "deny":
		return "mv -n " + a.File + " denied/"
	case a.Verb == "dismiss", a.Verb == "unrule", a.Verb == "undeny":
		return "rm " + a.File
	case a.Verb == "approve", a.Verb == "retry", a.Verb == "again":
		return a.accepting() + "mv -n " + a.File + " queue/"
	}
	return "fromcache " + a.Verb + " --data-dir . " + a.File
}

func (a Action) accepting() string {
	if a.Accept == "" {
		return ""
	}
	return "{ echo; echo accept " + a.Accept + "; } >> " + a.File + " && " // its last line may have no end
}

// newAction is a button of a verb. Without a label it has the verb's own.
func newAction(verb, label, look string) Action {
	if label == "" {
		label = Word("verb." + verb)
	}
	return Action{Verb: verb, Label: label, Look: look}
}

// Menu is what a row has to press: at most one button in sight, the others and the lines for a
// shell behind another.
type Menu struct {
	Of    string // what they act on, for those who can't see the row
	First []Action
	More  []Action
	Lines []Action
}

// MenuOf returns the menu of a row. Its lines are those of lines.
func MenuOf(of string, acts, lines []Action) Menu {
	m := Menu{Of: of, Lines: lines}
	for _, a := range acts {
		if a.First && len(m.First) == 0 {
			m.First = append(m.First, a)
		} else {
			m.More = append(m.More, a)
		}
	}
	return m
}

// HasLines reports whether there is a line for a shell.
func (m Menu) HasLines() bool {
	return slices.ContainsFunc(m.Lines, func(a Action) bool { return a.Line() != "" })
}

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

// Ago is a time as people say it beside now; "–" where there is none.
func Ago(t time.Time) string {
	d := time.Since(t)
	switch {
	case t.IsZero():
		return "–"
	case d < -time.Minute:
		return When(t)
	case d < time.Minute:
		return Word("script.now")
	case d < time.Hour:
		return Word("script.minutes", int(d.Minutes()))
	case d < 2*day:
		return Word("script.hours", int(d.Hours()))
	case d < 60*day:
		return Word("script.days", int(d/day))
	}
	return t.UTC().Format(time.DateOnly)
}

const day = 24 * time.Hour

// stamp is a time for programs.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// short is the beginning of a digest.
func short(digest string) string { return digest[:min(12, len(digest))] }
