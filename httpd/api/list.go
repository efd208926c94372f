package api

import (
	"context"
	"encoding/hex"
	"net/http"
	"net/url"
	"path"
	"strconv"

	"fromcache/httpd/answer"
	"fromcache/httpd/operate"
)

// Listed are the parameters of a list.
type Listed struct {
	Match string `query:"match" maxLength:"255" doc:"A glob that the name or the key has to match whole, as in *.run"`
	After string `query:"after" maxLength:"510" pattern:"^([0-9a-f]{2})*$" doc:"The next of the page before"`
	Limit int    `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"Rows a page"`
}

const notGlob = "match is no glob: write \\[ for a [ that stands for itself"

// page returns the page that is wanted.
func (l Listed) page() (operate.Page, error) {
	if _, err := path.Match(l.Match, ""); err != nil {
		return operate.Page{}, answer.Refuse(http.StatusBadRequest, notGlob)
	}
	after, err := hex.DecodeString(l.After)
	return operate.Page{Match: l.Match, After: string(after), Limit: l.Limit}, err
}

// next makes a name the cursor of a list, and the Link field (RFC 8288) that leads there.
func (l Listed) next(ctx context.Context, name, at string) (cursor, link string) {
	if name == "" {
		return "", ""
	}
	cursor = hex.EncodeToString([]byte(name))
	v := url.Values{"after": {cursor}, "limit": {strconv.Itoa(l.Limit)}}
	if l.Match != "" {
		v.Set("match", l.Match)
	}
	return cursor, "<" + answer.Prefix(requestOf(ctx).r) + Base + at + "?" + v.Encode() + `>; rel="next"`
}
