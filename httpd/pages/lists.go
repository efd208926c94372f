package pages

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"strconv"

	"fromcache/templates"
)

// What the lists have in common. Whatever a stranger chose is redacted where a
// row is made, before a template sees it.

// rowID is the id of a row on every page, whatever the file is called.
func rowID(dir, name string) string {
	sum := sha256.Sum256([]byte(dir + "/" + name))
	return "r" + hex.EncodeToString(sum[:8])
}

// rowAction is a button in a row, of the form that all rows share.
func rowAction(verb, label, look, field, name string) templates.Action {
	return templates.Action{Verb: verb, Label: label, Look: look, Form: "act", Field: field, Value: name}
}

// pager says which rows of a list a page shows, and where the others are.
type pager struct {
	Label, All, Prev, Next string
	From, To, Total        int
	Many, More             bool
	lo, hi                 int
}

func newPager(path string, q url.Values, page, rows, total int) pager {
	pages := max(1, (total+rows-1)/rows)
	page = min(max(1, page), pages)
	p := pager{Label: "Pages of " + path, All: path, Total: total}
	p.lo, p.hi = (page-1)*rows, min(page*rows, total)
	p.From, p.To, p.Many, p.More = p.lo+1, p.hi, pages > 1, total > p.hi
	if page > 1 {
		p.Prev = link(path, q, page-1)
	}
	if page < pages {
		p.Next = link(path, q, page+1)
	}
	return p
}

func link(path string, q url.Values, page int) string {
	v := url.Values{"page": {strconv.Itoa(page)}}
	for name, values := range q {
		v[name] = values
	}
	return path + "?" + v.Encode()
}

func pageOf(r *http.Request) int {
	n, err := strconv.Atoi(r.URL.Query().Get("page"))
	if err != nil || n < 1 {
		return 1
	}
	return n
}
