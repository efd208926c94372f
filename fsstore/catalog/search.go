package catalog

import (
	"bytes"
	"encoding/hex"
	"slices"
	"strings"
)

// Search returns at most n rows from one on that have every word of q, in an order of Sorts, and how
// many there are in all. A word is in the URL in any case, or is how the digest or the end of the key
// begins, or with two dashes in it a part of the key. It looks once at each row in memory, some 20 ns
// each, and reads no file.
func (c *Catalog) Search(q, order string, from, n int) (rows []Row, total int) {
	words := wordsOf(q)
	if len(words) == 0 {
		total, _ = c.Held()
		return c.List(order, from, n), total
	}
	c.prepare(order)
	c.mu.RLock()
	defer c.mu.RUnlock()
	t := c.table
	found := make([]uint64, (t.used+63)/64) // a bit for each row
	for id := range t.used {
		if p := t.at(id); p.flags&live != 0 && t.has(p, words) {
			found[id/64] |= 1 << (id % 64)
			total++
		}
	}
	for _, id := range t.pick(found, total, order, from, n) {
		rows = append(rows, t.row(id))
	}
	return rows, total
}

// pick returns a page of the rows that are found. A few it sorts; for many it follows the order
// until the page is full.
func (t *table) pick(found []uint64, total int, order string, from, n int) (ids []uint32) {
	if total < 1000 {
		for id := range t.used {
			if found[id/64]&(1<<(id%64)) != 0 {
				ids = append(ids, id)
			}
		}
		slices.SortFunc(ids, func(a, b uint32) int { return t.compare(order, a, b) })
		from = min(from, len(ids))
		return ids[from:min(from+n, len(ids))]
	}
	o := t.orders[order]
	if o == nil {
		return t.first(order, from, n, func(id uint32) bool { return found[id/64]&(1<<(id%64)) != 0 })
	}
	o.Scan(func(id uint32) bool {
		if found[id/64]&(1<<(id%64)) != 0 {
			if from--; from < 0 {
				ids = append(ids, id)
			}
		}
		return len(ids) < n
	})
	return ids
}

// word is what a row must have.
type word struct {
	text   []byte // in lower case
	digest []byte // its bytes in hex, if it is a beginning of a digest
	odd    bool   // and half a byte more
	inKey  bool
}

func wordsOf(q string) (words []word) {
	for _, w := range strings.Fields(strings.ToLower(q)) {
		word := word{text: []byte(w), inKey: strings.Contains(w, "--") || len(w) == keyDigits}
		if len(w) >= 4 && len(w) <= 64 && strings.Trim(w, "0123456789abcdef") == "" {
			word.odd = len(w)%2 == 1
			word.digest, _ = hex.DecodeString(w + strings.Repeat("0", len(w)%2))
		}
		words = append(words, word)
	}
	return words
}

func (t *table) has(p *packed, words []word) bool {
	for i := range words {
		if !t.hasWord(p, &words[i]) {
			return false
		}
	}
	return true
}

func (t *table) hasWord(p *packed, w *word) bool {
	if bytes.Contains(t.lowerURL(p), w.text) || w.digest != nil && w.beginsDigest(&p.digest) {
		return true
	}
	return (w.inKey || p.urlLen == 0) && strings.Contains(strings.ToLower(t.key(p)), string(w.text))
}

func (w *word) beginsDigest(d *[32]byte) bool {
	n := len(w.digest)
	if !w.odd {
		return bytes.Equal(d[:n], w.digest)
	}
	return bytes.Equal(d[:n-1], w.digest[:n-1]) && d[n-1]&0xf0 == w.digest[n-1]
}
