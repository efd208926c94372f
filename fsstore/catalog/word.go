package catalog

import (
	"bytes"
	"encoding/hex"
	"strings"
)

// word is what a row must have.
type word struct {
	text   []byte // in lower case
	rare   int    // the place in it of a byte that few URLs have
	digits []byte // its bytes in hex, if it is a beginning of a digest
	odd    bool   // and half a byte more
	inKey  bool
	toEnd  bool // it may reach into the digits at the end of a key
}

func wordsOf(q string) (words []word) {
	for _, w := range strings.Fields(strings.ToLower(q)) {
		word := word{text: []byte(w), inKey: strings.Contains(w, "--"), toEnd: endsInHex(w)}
		if len(w) >= 4 && len(w) <= 64 && strings.Trim(w, "0123456789abcdef") == "" {
			word.odd = len(w)%2 == 1
			word.digits, _ = hex.DecodeString(w + strings.Repeat("0", len(w)%2))
		}
		words = append(words, word)
	}
	return words
}

func endsInHex(w string) bool {
	return strings.IndexByte("0123456789abcdef", w[len(w)-1]) >= 0
}

// sampled is how much of the rows' text chooseRare counts.
const sampled = 32 << 10

// chooseRare chooses of each word the byte that is looked for first: a URL without it is passed over
// at once.
func (t *table) chooseRare(words []word) {
	if len(t.text) == 0 {
		return
	}
	var counts [256]int
	for _, c := range t.text[0][:min(sampled, len(t.text[0]))] {
		counts[c]++
	}
	for i := range words {
		w := &words[i]
		for at, c := range w.text {
			if counts[c] < counts[w.text[w.rare]] {
				w.rare = at
			}
		}
	}
}

func (t *table) has(p *packed, words []word, key *[]byte) bool {
	for i := range words {
		if !t.hasWord(p, &words[i], key) {
			return false
		}
	}
	return true
}

func (t *table) hasWord(p *packed, w *word, key *[]byte) bool {
	if w.isIn(t.lowerURL(p)) {
		return true
	}
	if w.digits != nil && (w.begins(p.digest[:]) || p.keyLen == 0 && w.begins(t.keyText(p))) {
		return true
	}
	if w.inKey || p.urlLen == 0 || w.digits != nil && p.keyLen > 0 {
		*key = t.appendLowerKey((*key)[:0], p, w.toEnd)
		return w.isIn(*key)
	}
	return false
}

// isIn reports whether b has the word. It is bytes.Contains, which takes several times as long where
// many of the bytes are how the word begins.
func (w *word) isIn(b []byte) bool {
	last := len(b) - len(w.text) // where it may begin at most
	for at := 0; at <= last; at++ {
		i := bytes.IndexByte(b[at+w.rare:last+w.rare+1], w.text[w.rare])
		if i < 0 {
			return false
		}
		at += i
		if bytes.Equal(b[at:at+len(w.text)], w.text) {
			return true
		}
	}
	return false
}

// begins reports whether these bytes begin with the word's.
func (w *word) begins(sum []byte) bool {
	n := len(w.digits)
	if n > len(sum) || !w.odd {
		return bytes.HasPrefix(sum, w.digits)
	}
	return bytes.Equal(sum[:n-1], w.digits[:n-1]) && sum[n-1]&0xf0 == w.digits[n-1]
}
