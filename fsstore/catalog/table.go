package catalog

import (
	"encoding/binary"
	"hash/maphash"
	"math"

	"fromcache/fsstore/held"
)

// table is the rows. Its caller locks.
type table struct {
	seed                maphash.Seed
	rows                []*[rowsInOne]packed // by number; a row keeps its number until it goes
	used                uint32               // numbers given
	free                []uint32             // numbers of rows that went
	text                [][]byte
	waste               int // bytes of text that no row has any more
	n                   int
	bytes               int64 // of the blobs, each once
	hits                int64
	missed, missedBytes int64          // see Missed
	others              map[string]hit // of hits/ without an artifact

	byKey, byDigest, byName index
	orders                  map[string]*order
}

// hit is a file in hits/.
type hit struct {
	count uint64 // see packed
	n     int64
}

const (
	rowsInOne = 4096
	textInOne = 1 << 20
)

func newTable(seed maphash.Seed) *table {
	t := &table{seed: seed, others: map[string]hit{}, orders: map[string]*order{}}
	t.byKey.hash = func(id uint32) uint64 { return t.hashKey(t.key(t.at(id))) }
	t.byDigest.hash = func(id uint32) uint64 { return hashDigest(&t.at(id).digest) }
	t.byName.hash = func(id uint32) uint64 { return t.hashKey(basenameOf(t.url(t.at(id)))) }
	for _, name := range []string{"new", "name"} {
		t.order(name)
	}
	return t
}

func (t *table) at(id uint32) *packed { return &t.rows[id/rowsInOne][id%rowsInOne] }

func (t *table) hashKey(k string) uint64 { return maphash.String(t.seed, k) }

func hashDigest(d *[32]byte) uint64 { return binary.LittleEndian.Uint64(d[:]) }

func (t *table) find(k string) (id uint32, ok bool) {
	return t.byKey.find(t.hashKey(k), func(id uint32) bool { return t.key(t.at(id)) == k })
}

// withDigest returns one of the rows with a digest; next leads to the others.
func (t *table) withDigest(d [32]byte) (id uint32, ok bool) {
	return t.byDigest.find(hashDigest(&d), func(id uint32) bool { return t.at(id).digest == d })
}

// withName is withDigest of a basename.
func (t *table) withName(name string) (id uint32, ok bool) {
	return t.byName.find(t.hashKey(name), func(id uint32) bool { return basenameOf(t.url(t.at(id))) == name })
}

// put adds or replaces the row of a key.
func (t *table) put(k string, b *held.Brief, meta uint64) {
	var h hit
	if id, had := t.find(k); had {
		p := t.at(id)
		h = hit{p.count, p.hits}
		t.remove(id)
	} else if other, ok := t.others[k]; ok {
		h = other
		delete(t.others, k)
	}
	id := t.number()
	p := t.at(id)
	text, urlLen, keyLen, flags := pack(k, b.URL)
	*p = packed{
		meta: meta, count: h.count, hits: h.n, urlLen: urlLen, keyLen: keyLen, flags: flags | live,
		prev: [2]uint32{id, id}, next: [2]uint32{id, id},
	}
	p.fill(b)
	p.chunk, p.at = t.write(text)
	t.n++
	t.sum(p, 1)
	t.link(id, p)
	t.byKey.add(id)
	for _, o := range t.orders {
		o.list.Set(id)
	}
}

// number returns a number for a new row.
func (t *table) number() uint32 {
	if n := len(t.free); n > 0 {
		id := t.free[n-1]
		t.free = t.free[:n-1]
		return id
	}
	if t.used%rowsInOne == 0 {
		t.rows = append(t.rows, new([rowsInOne]packed))
	}
	t.used++
	return t.used - 1
}

func (t *table) write(text []byte) (chunk, at uint32) {
	last := len(t.text) - 1
	if last < 0 || len(t.text[last])+len(text) > cap(t.text[last]) {
		t.text = append(t.text, make([]byte, 0, max(textInOne, len(text))))
		last++
	}
	at = uint32(len(t.text[last]))
	t.text[last] = append(t.text[last], text...)
	return uint32(last), at
}

// link puts a row into the ring of those with its digest, and into that of those with its basename.
// An index has one row of each ring. A blob is counted with the first row that has its digest.
func (t *table) link(id uint32, p *packed) {
	if p.digest == ([32]byte{}) {
		return
	}
	if first, had := t.withDigest(p.digest); had {
		t.join(byDigest, id, first)
	} else {
		t.byDigest.add(id)
		t.bytes += p.size
	}
	if first, had := t.withName(basenameOf(t.url(p))); had {
		t.join(byName, id, first)
	} else {
		t.byName.add(id)
	}
}

// join puts a row into the ring of another.
func (t *table) join(ring int, id, other uint32) {
	p, f := t.at(id), t.at(other)
	p.prev[ring], p.next[ring] = other, f.next[ring]
	t.at(f.next[ring]).prev[ring] = id
	f.next[ring] = id
}

// leave takes a row out of a ring, and returns another of that; none: it was alone.
func (t *table) leave(ring int, id uint32) (other uint32, more bool) {
	p := t.at(id)
	t.at(p.prev[ring]).next[ring], t.at(p.next[ring]).prev[ring] = p.next[ring], p.prev[ring]
	return p.next[ring], p.next[ring] != id
}

func (t *table) unlink(id uint32, p *packed) {
	if p.digest == ([32]byte{}) {
		return
	}
	first, _ := t.withDigest(p.digest)
	other, more := t.leave(byDigest, id)
	if first == id {
		t.byDigest.remove(id)
		t.bytes -= p.size
		if more {
			t.byDigest.add(other)
			t.bytes += t.at(other).size
		}
	}
	first, _ = t.withName(basenameOf(t.url(p)))
	other, more = t.leave(byName, id)
	if first == id {
		t.byName.remove(id)
		if more {
			t.byName.add(other)
		}
	}
}

// remove takes a row out. Its hits are forgotten: drop keeps them.
func (t *table) remove(id uint32) {
	p := t.at(id)
	for _, o := range t.orders {
		o.list.Delete(id)
	}
	t.byKey.remove(id)
	t.unlink(id, p)
	t.waste += int(p.urlLen) + p.keyBytes()
	t.sum(p, -1)
	*p = packed{}
	t.free = append(t.free, id)
	t.n--
	if t.waste > 4*textInOne && t.waste > t.n*100 {
		t.compact()
	}
}

// sum counts the misses of a row that comes (sign is 1) or goes (-1).
func (t *table) sum(p *packed, sign int64) {
	n := int64(p.misses)
	t.missed += sign * n
	if p.size > 0 && n < math.MaxInt64/p.size {
		t.missedBytes += sign * n * p.size
	}
}

// drop removes the row of a key.
func (t *table) drop(k string) bool {
	id, had := t.find(k)
	if !had {
		return false
	}
	if p := t.at(id); p.count != 0 {
		t.others[k] = hit{p.count, p.hits}
	}
	t.remove(id)
	return true
}

// compact writes the text of all rows anew, once half of it is waste.
func (t *table) compact() {
	old := t.text
	t.text, t.waste = nil, 0
	for id := range t.used {
		if p := t.at(id); p.flags&live != 0 {
			size := uint32(p.urlLen) + uint32(p.keyBytes())
			if p.flags&capital != 0 {
				size += (uint32(p.urlLen) + 7) / 8
			}
			p.chunk, p.at = t.write(old[p.chunk][p.at : p.at+size])
		}
	}
}

// hitsOf returns the file in hits/ of a key as it was read.
func (t *table) hitsOf(k string) hit {
	if id, ok := t.find(k); ok {
		p := t.at(id)
		return hit{p.count, p.hits}
	}
	return t.others[k]
}

// setHits sets how often the artifact of a key was served; a count of 0: there is no file.
func (t *table) setHits(k string, h hit) {
	t.hits += h.n - t.hitsOf(k).n
	id, ok := t.find(k)
	switch {
	case ok:
		p := t.at(id)
		for _, o := range t.orders {
			if o.byHits {
				o.list.Delete(id)
			}
		}
		p.count, p.hits = h.count, h.n
		for _, o := range t.orders {
			if o.byHits {
				o.list.Set(id)
			}
		}
	case h.count == 0:
		delete(t.others, k)
	default:
		t.others[k] = h
	}
}
