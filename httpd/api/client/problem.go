package client

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"strings"

	"fromcache/fsstore/kind"
)

// details are problem details (RFC 9457) as far as they matter here.
type details struct {
	Detail string `json:"detail"`
	Errors []struct {
		Message  string          `json:"message"`
		Location string          `json:"location"`
		Value    json.RawMessage `json:"value"`
	} `json:"errors"`
}

// absent is what is not there, in the server's words.
type absent string

func (a absent) Error() string      { return string(a) }
func (absent) Is(target error) bool { return target == fs.ErrNotExist }

// maxProblem bounds what is read of a problem, in bytes.
const maxProblem = 1 << 20

// wantsTLS reports whether a server of net/http or nginx answers that it was spoken to without TLS.
func wantsTLS(body []byte) bool {
	return bytes.Contains(body, []byte("HTTP request to an HTTPS server")) ||
		bytes.Contains(body, []byte("plain HTTP request was sent to HTTPS port"))
}

// problem returns the error of an answer, as the store would have returned it.
func (c *Client) problem(answer *http.Response) error {
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxProblem))
	if err != nil {
		return fmt.Errorf("the server %s answers %s, and breaks off: %w", c.server, answer.Status, err)
	}
	if to := answer.Header.Get("Location"); to != "" && answer.StatusCode < 400 {
		return fmt.Errorf("the server %s sends to %.200q: if that is the cache-host, name it so", c.server, to)
	}
	var d details
	if json.Unmarshal(body, &d) != nil || d.Detail == "" {
		if wantsTLS(body) {
			_, address, _ := strings.Cut(c.server, "://")
			return fmt.Errorf("the server %s does not answer: it speaks TLS: write https://%s", c.server, address)
		}
		line, _, _ := strings.Cut(strings.TrimSpace(string(body)), "\n")
		return fmt.Errorf("the server %s does not answer as a cache-host: %s: %.200s",
			c.server, answer.Status, cmp.Or(line, "nothing"))
	}
	switch answer.StatusCode {
	case http.StatusUnauthorized:
		if c.bearer == "" {
			return errors.New("the server wants a token: set FROMCACHE_TOKEN to what " +
				"fromcache token add NAME prints on the cache-host")
		}
	case http.StatusNotFound:
		return absent(d.Detail)
	case http.StatusUnprocessableEntity:
		if len(d.Errors) == 1 && strings.HasPrefix(d.Errors[0].Location, "path.") {
			return absent("no file has such a name")
		}
	}
	var accept string
	if len(d.Errors) == 1 && d.Errors[0].Location == "query.accept" &&
		json.Unmarshal(d.Errors[0].Value, &accept) == nil {
		return &kind.Mismatch{Why: d.Detail, Accept: accept}
	}
	for _, e := range d.Errors {
		d.Detail += "; " + strings.TrimSpace(e.Location+" "+e.Message)
	}
	return errors.New(d.Detail)
}
