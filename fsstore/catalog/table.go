package catalog

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"math"

	"fromcache/fsstore/held"
	"fromcache/fsstore/internal/rows"
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

	byKey, byDigest, byName rows.Index
	orders                  map[string]*rows.Order
	making                  map[string]*making // orders that are being made
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
	t := &table{seed: seed, others: map[string]hit{}, orders: map[string]*rows.Order{}, making: map[string]*making{}}
	t.byKey.Hash = func(id uint32) uint64 { return t.hashRow(t.at(id)) }
	t.byDigest.Hash = func(id uint32) uint64 { return hashDigest(&t.at(id).digest) }
	t.byName.Hash = func(id uint32) uint64 { return t.hash(basenameOf(t.url(t.at(id)))) }
	return t
}

func (t *table) at(id uint32) *packed { return &t.rows[id/rowsInOne][id%rowsInOne] }

func (t *table) hash(s string) uint64 { return maphash.String(t.seed, s) }

// hashKey hashes the digits of a key alone, because a row has no more of most keys.
func (t *table) hashKey(k string) uint64 {
	if sum, ok := digitsOf(k); ok {
		return maphash.Bytes(t.seed, sum[:])
	}
	return t.hash(k)
}

func (t *table) hashRow(p *packed) uint64 {
	if p.keyLen == 0 {
		return maphash.Bytes(t.seed, t.keyText(p))
	}
	return t.hashKey(t.key(p))
}

func hashDigest(d *[32]byte) uint64 { return binary.LittleEndian.Uint64(d[:]) }

func (t *table) find(k string) (id uint32, ok bool) {
	sum, plain := digitsOf(k)
	return t.byKey.Find(t.hashKey(k), func(id uint32) bool {
		p := t.at(id)
		if p.keyLen == 0 && (!plain || !bytes.Equal(t.keyText(p), sum[:])) {
			return false
		}
		return t.key(p) == k
	})
}

// withDigest returns one of the rows with a digest; next leads to the others.
func (t *table) withDigest(d [32]byte) (id uint32, ok bool) {
	return t.byDigest.Find(hashDigest(&d), func(id uint32) bool { return t.at(id).digest == d })
}

// withName is withDigest of a basename.
func (t *table) withName(name string) (id uint32, ok bool) {
	return t.byName.Find(t.hash(name), func(id uint32) bool { return basenameOf(t.url(t.at(id))) == name })
}

// put adds or replaces the row of a key, which has the number old where it had one.
func (t *table) put(k string, old uint32, had bool, b *held.Brief, meta uint64) (id uint32) {
	var h hit
	if had {
		p := t.at(old)
		h = hit{p.count, p.hits}
		t.remove(old)
	} else if other, ok := t.others[k]; ok {
		h = other
		delete(t.others, k)
	}
	id = t.number()
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
	t.byKey.Add(id)
	t.arrive(id, orders)
	return id
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
		t.byDigest.Add(id)
		t.bytes += p.size
	}
	if first, had := t.withName(basenameOf(t.url(p))); had {
		t.join(byName, id, first)
	} else {
		t.byName.Add(id)
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
		t.byDigest.Remove(id)
		t.bytes -= p.size
		if more {
			t.byDigest.Add(other)
			t.bytes += t.at(other).size
		}
	}
	first, _ = t.withName(basenameOf(t.url(p)))
	other, more = t.leave(byName, id)
	if first == id {
		t.byName.Remove(id)
		if more {
			t.byName.Add(other)
		}
	}
}

// remove takes a row out. Its hits are forgotten: drop keeps them.
func (t *table) remove(id uint32) {
	p := t.at(id)
	t.depart(id, orders)
	t.byKey.Remove(id)
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

// drop removes a row whose file is gone.
func (t *table) drop(id uint32) {
	if p := t.at(id); p.count != 0 {
		t.others[t.key(p)] = hit{p.count, p.hits}
	}
	t.remove(id)
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
		t.depart(id, byHits)
		p.count, p.hits = h.count, h.n
		t.arrive(id, byHits)
	case h.count == 0:
		delete(t.others, k)
	default:
		t.others[k] = h
	}
}
