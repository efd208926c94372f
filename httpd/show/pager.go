package show

import (
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"strconv"

	"fromcache/templates"
)

// rowID is the id of a row on every page, whatever the file is called.
func rowID(dir, name string) string {
	sum := sha256.Sum256([]byte(dir + "/" + name))
	return "r" + hex.EncodeToString(sum[:8])
}

// pager says which rows of a list a page shows, and where the others are.
type pager struct {
	Label, All, Prev, Next string
	From, To, Total        int
	Hosts                  int // From and To are of these; 0: of Total
	Many, More             bool
	lo, hi                 int
}

func newPager(path string, q url.Values, page, rows, total int) pager {
	pages := max(1, (total+rows-1)/rows)
	page = min(max(1, page), pages)
	p := pager{Label: templates.Word("pager.label", path), All: path, Total: total}
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
