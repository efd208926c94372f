package show

import (
	"fromcache/fsstore/key"
	"fromcache/templates"
)

// PublishedDigest is what one list beside a file says of it.
type PublishedDigest struct {
	SHA256 string // in hex; "": the list names several for it
	In     string // the name of the list
	Host   string // that answered
	HTTPS  bool   // each hop was https
}

// Published is what a site publishes beside a file, as it was asked for.
type Published struct {
	Digests    []PublishedDigest
	Agreed     string   // the one digest that all of them name; "": there is none
	Signatures []string // names of files; nobody has checked them
	Trouble    string   // why nothing was found, where the site could not be asked
}

// Beside is Published for a row or a page, redacted.
type Beside struct {
	*Published
	Held string            // the digest that is held; "": nothing is
	Act  *templates.Action // approves with the digest; nil: none is agreed on, or it is held
}

// SaidBeside keeps what was found beside the file of a miss or an artifact, in memory as Said does.
func (m *Model) SaidBeside(name string, p Published) {
	p.Trouble = Cut(key.RedactText(p.Trouble), 600)
	for i := range p.Digests {
		p.Digests[i].In = Cut(p.Digests[i].In, 200)
	}
	for i := range p.Signatures {
		p.Signatures[i] = Cut(p.Signatures[i], 200)
	}
	o := &m.origins
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.beside == nil || len(o.beside) >= maxBeside {
		o.beside = map[string]*Published{}
	}
	o.beside[name] = &p
	o.turn++
}

// publishedWith returns the names of the misses beside whose files a digest is published that begins
// with text.
func (o *origins) publishedWith(text string) map[string]bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	names := map[string]bool{}
	for name, p := range o.beside {
		for _, d := range p.Digests {
			if beginsDigest(d.SHA256, text) {
				names[name] = true
			}
		}
	}
	return names
}

// maxBeside bounds the memory, some kilobytes each.
const maxBeside = 2000

// besideOf returns what was found beside a file; nil: nobody has asked.
func (o *origins) besideOf(name string) *Beside {
	o.mu.Lock()
	defer o.mu.Unlock()
	if p := o.beside[name]; p != nil {
		return &Beside{Published: p}
	}
	return nil
}

// besideMiss is what was found beside the file of a miss, with the button that approves one URL of
// it with the digest.
func (m *Model) besideMiss(name, shown string) *Beside {
	b := m.origins.besideOf(name)
	if b != nil && b.Agreed != "" {
		a := action("approve", "quiet", "key", shown)
		a.Label, a.SHA256 = templates.Word("published.approve"), b.Agreed
		b.Act = &a
	}
	return b
}

// Tell says where a digest was published, and by which way it came.
func (d PublishedDigest) Tell() string {
	switch {
	case d.SHA256 == "":
		return templates.Word("published.several", d.In)
	case !d.HTTPS:
		return templates.Word("published.http", d.In, d.Host)
	}
	return templates.Word("published.https", d.In, d.Host)
}
