package ended

import (
	"bytes"
	"encoding/hex"
	"runtime"
	"strconv"
	"strings"
	"sync"

	"fromcache/fsstore/spool"
)

// Match is a job that has a text.
type Match struct {
	Name     string
	ByClient bool // who asked for it has it
}

// Search returns at most n jobs that have a text, those that ended last first, and how many have it.
// The text, in lower case, is in the redacted URL, or is how a digest or the end of the key begins, or
// is the address of a client that asked or in the name of its tool, or with two dashes in it is a part
// of the name.
func (j *Jobs) Search(text string, n int) (list []Match, total int) {
	j.mu.RLock()
	defer j.mu.RUnlock()
	t := j.table
	s := t.searchFor(text)
	found := make([]uint64, (t.used+63)/64) // a bit for each row
	for _, n := range s.each(t.used, found) {
		total += n
	}
	for _, id := range t.pick(found, total, n) {
		p := t.at(id)
		list = append(list, Match{t.name(p), s.asked[p.asked]})
	}
	return list, total
}

// pick returns the newest n of those that are found.
func (t *table) pick(found []uint64, total, n int) (ids []uint32) {
	is := func(id uint32) bool { return found[id/64]&(1<<(id%64)) != 0 }
	if total < 1000 || t.newest == nil || !t.newest.IsSettled() {
		return t.first(0, n, is)
	}
	t.newest.Scan(func(id uint32) bool {
		if len(ids) < n && is(id) {
			ids = append(ids, id)
		}
		return len(ids) < n
	})
	return ids
}

// search is a text that rows are to have.
type search struct {
	t        *table
	text     []byte
	dirs     []bool      // those that have it
	asked    []bool      // likewise
	across   [][2]string // what a beginning ends with, and the end begins with
	low, top uint64      // between which a digest is, if it is how one begins
	digits   []byte      // of a key
	inName   bool
}

// shortestDigest is how many digits are taken for the beginning of a digest.
const shortestDigest = 6

func (t *table) searchFor(text string) *search {
	s := &search{t: t, text: []byte(text), dirs: make([]bool, len(t.dirs.all)), asked: make([]bool, len(t.asked.all)), inName: strings.Contains(text, "--")}
	for i, dir := range t.dirs.all {
		s.dirs[i] = strings.Contains(dir, text)
	}
	for i, asked := range t.asked.all {
		s.asked[i] = spool.AskedFor(asked, text)
	}
	for i := range text {
		if text[i] == '/' {
			s.across = append(s.across, [2]string{text[:i+1], text[i+1:]})
		}
	}
	if len(text) < shortestDigest || len(text) > 64 || strings.Trim(text, "0123456789abcdef") != "" {
		return s
	}
	begin := text[:min(16, len(text))]
	s.low, _ = strconv.ParseUint(begin+strings.Repeat("0", 16-len(begin)), 16, 64)
	s.top, _ = strconv.ParseUint(begin+strings.Repeat("f", 16-len(begin)), 16, 64)
	s.digits, _ = hex.DecodeString(text[:len(text)&^1])
	return s
}

// each looks at all rows, a part of them on each core, and returns how many there are in each part.
func (s *search) each(used uint32, found []uint64) []int {
	parts := runtime.GOMAXPROCS(0)
	totals := make([]int, parts)
	words := (len(found) + parts - 1) / parts
	var all sync.WaitGroup
	for part := range parts {
		all.Go(func() {
			var name []byte // made again and again
			for id := uint32(part * words * 64); id < min(used, uint32((part+1)*words*64)); id++ {
				if p := s.t.at(id); p.file != 0 && s.has(p, &name) {
					found[id/64] |= 1 << (id % 64)
					totals[part]++
				}
			}
		})
	}
	all.Wait()
	return totals
}

func (s *search) has(p *packed, name *[]byte) bool {
	end := s.t.end(p)
	if s.dirs[p.dir] || s.asked[p.asked] || bytes.Contains(end, s.text) {
		return true
	}
	for _, a := range s.across {
		if strings.HasSuffix(s.t.dirs.all[p.dir], a[0]) && bytes.HasPrefix(end, []byte(a[1])) {
			return true
		}
	}
	if s.top != 0 && (s.begins(p.done) || s.begins(p.want) || s.hasDigits(p)) {
		return true
	}
	if s.inName || p.nameLen > 0 {
		*name = s.t.appendName((*name)[:0], p)
		return bytes.Contains(*name, s.text) || p.nameLen > 0 && bytes.Contains(bytes.ToLower(*name), s.text)
	}
	return false
}

func (s *search) begins(digest uint64) bool { return digest != 0 && digest >= s.low && digest <= s.top }

func (s *search) hasDigits(p *packed) bool {
	return p.nameLen == 0 && len(s.digits) <= keyDigits && bytes.HasPrefix(s.t.nameText(p), s.digits)
}
