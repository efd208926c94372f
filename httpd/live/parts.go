package live

import (
	"bytes"
	"maps"
	"net/http"
	"strconv"
	"sync"

	"golang.org/x/sync/singleflight"
)

// parts keeps pages as they were last rendered for the script of an open page. All
// pages fetch themselves at the same hint: each is rendered once for all of them,
// so that 200 open pages cost little more than one.
type parts struct {
	flight singleflight.Group
	mu     sync.Mutex
	turn   int64 // the hub's, of which they are
	made   map[string]*part
}

// part is an answer. As a ResponseWriter it takes one.
type part struct {
	header http.Header
	code   int
	body   bytes.Buffer
}

// Header returns the fields of the answer.
func (p *part) Header() http.Header { return p.header }

// WriteHeader takes the status code.
func (p *part) WriteHeader(code int) { p.code = code }

// Write takes bytes of the body.
func (p *part) Write(b []byte) (int, error) { return p.body.Write(b) }

// maxParts bounds the memory: some 20 KiB each.
const maxParts = 64

// Share answers a page that fetches itself: with what render wrote for the same key since the
// last hint, or else with what it writes now. An error of render is returned and not kept.
func (h *Hub) Share(
	w http.ResponseWriter, key string, render func(http.ResponseWriter) error,
) error {
	turn := h.turn.Load()
	p := h.parts.get(turn, key)
	if p == nil {
		made, err, _ := h.parts.flight.Do(strconv.FormatInt(turn, 10)+key, func() (any, error) {
			p := &part{header: http.Header{}, code: http.StatusOK}
			err := render(p)
			if err == nil {
				h.parts.keep(turn, key, p)
			}
			return p, err
		})
		if err != nil {
			return err
		}
		p = made.(*part)
	}
	maps.Copy(w.Header(), p.header)
	w.WriteHeader(p.code)
	w.Write(p.body.Bytes())
	return nil
}

func (ps *parts) get(turn int64, key string) *part {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if ps.turn != turn {
		return nil
	}
	return ps.made[key]
}

func (ps *parts) keep(turn int64, key string, p *part) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if ps.turn != turn || ps.made == nil || len(ps.made) >= maxParts {
		ps.turn, ps.made = turn, map[string]*part{}
	}
	ps.made[key] = p
}
