package ended

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"hash/maphash"
	"slices"
	"strings"

	"fromcache/fsstore/internal/rows"
	"fromcache/fsstore/job"
	"fromcache/fsstore/spool"
)

// table is the rows. Its caller locks.
type table struct {
	seed  maphash.Seed
	rows  []*[rowsInOne]packed // by number; a row keeps its number until it goes
	used  uint32               // numbers given
	free  []uint32             // numbers of rows that went
	text  [][]byte
	waste int // bytes of text that no row has any more
	n     int

	dirs  texts // beginnings of URLs
	asked texts // who asked, see AskedBy

	index  rows.Index
	newest *rows.Order // nil until all has been read
	byName *rows.Order // nil until somebody asks for it
}

const (
	rowsInOne = 4096
	textInOne = 1 << 20
)

func newTable(seed maphash.Seed) *table {
	t := &table{seed: seed, asked: texts{most: mostAsked}}
	t.index.Hash = func(id uint32) uint64 { return t.hash(t.name(t.at(id))) }
	return t
}

func (t *table) at(id uint32) *packed { return &t.rows[id/rowsInOne][id%rowsInOne] }

func (t *table) isLive(id uint32) bool { return t.at(id).file != 0 }

// digitsOf returns the digits of the key in a name.
func digitsOf(name string) string {
	stem := strings.TrimSuffix(name, suffix)
	return stem[max(0, len(stem)-2*keyDigits):]
}

// hash hashes the digits alone, because a row has no more of most names.
func (t *table) hash(name string) uint64 { return maphash.String(t.seed, digitsOf(name)) }

func (t *table) find(name string) (id uint32, ok bool) {
	sum, err := hex.DecodeString(digitsOf(name))
	return t.index.Find(t.hash(name), func(id uint32) bool {
		p := t.at(id)
		if p.nameLen == 0 && (err != nil || !bytes.Equal(t.nameText(p), sum)) {
			return false
		}
		return t.name(p) == name
	})
}

// put adds the row of a file that has none.
func (t *table) put(name string, file uint64, f *spool.JobFile) uint32 {
	id := t.number()
	p := t.at(id)
	dir, end := split(shown(f))
	*p = packed{
		file: file, last: endedAt(&f.Job).Unix(), want: head(f.Job.Sha256),
		dir: t.dirs.number(dir), asked: t.asked.number(AskedBy(&f.Job)), endLen: uint16(len(end)),
	}
	if e, ok := f.Job.Newest(job.Done); ok {
		p.done = head(e.Sha256)
	}
	text := []byte(end)
	digits := digitsOf(name)
	if sum, err := hex.DecodeString(digits); err == nil && name == namePrefix(dir, end)+hex.EncodeToString(sum)+suffix && len(sum) == keyDigits {
		text = append(text, sum...)
	} else {
		p.nameLen = uint16(len(name))
		text = append(text, name...)
	}
	p.chunk, p.at = t.write(text)
	t.n++
	t.index.Add(id)
	for _, o := range t.orders() {
		if o.Add(id); o.IsLate() {
			o.Settle(t.isLive)
		}
	}
	return id
}

// orders returns the orders that there are.
func (t *table) orders() []*rows.Order {
	return slices.DeleteFunc([]*rows.Order{t.newest, t.byName}, func(o *rows.Order) bool { return o == nil })
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

// texts are texts that many jobs share, by number. That of "" is 0.
type texts struct {
	all  []string
	of   map[string]uint32
	size int
	most int // bytes of them; 0: any
}

// mostAsked bounds the memory of who asked. Behind it jobs are not found by their clients.
const mostAsked = 32 << 20

func (x *texts) number(text string) uint32 {
	if x.of == nil {
		x.of, x.all = map[string]uint32{"": 0}, []string{""}
	}
	n, ok := x.of[text]
	if ok || x.most > 0 && x.size+len(text) > x.most {
		return n
	}
	n, text = uint32(len(x.all)), strings.Clone(text)
	x.all, x.of[text], x.size = append(x.all, text), n, x.size+len(text)
	return n
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

// remove takes a row out.
func (t *table) remove(id uint32) {
	p := t.at(id)
	for _, o := range t.orders() {
		o.Remove(id)
	}
	t.index.Remove(id)
	t.waste += int(p.endLen) + len(t.nameText(p))
	*p = packed{}
	t.free = append(t.free, id)
	t.n--
	if t.waste > 4*textInOne && t.waste > t.n*50 {
		t.compact()
	}
}

// compact writes the text of all rows anew, once half of it is waste.
func (t *table) compact() {
	oldText, oldDirs, oldAsked := t.text, t.dirs.all, t.asked.all
	t.text, t.waste = nil, 0
	t.dirs, t.asked = texts{}, texts{most: mostAsked}
	for id := range t.used {
		if p := t.at(id); p.file != 0 {
			n := p.at + uint32(p.endLen) + uint32(p.nameLen)
			if p.nameLen == 0 {
				n += keyDigits
			}
			p.chunk, p.at = t.write(oldText[p.chunk][p.at:n])
			p.dir, p.asked = t.dirs.number(oldDirs[p.dir]), t.asked.number(oldAsked[p.asked])
		}
	}
}

// compare orders those that ended last first.
func (t *table) compare(a, b uint32) int {
	p, q := t.at(a), t.at(b)
	if n := cmp.Compare(q.last, p.last); n != 0 {
		return n
	}
	return cmp.Or(bytes.Compare(t.end(p), t.end(q)), strings.Compare(t.dirs.all[p.dir], t.dirs.all[q.dir]), cmp.Compare(a, b))
}

func (t *table) live() []uint32 {
	ids := make([]uint32, 0, t.n)
	for id := range t.used {
		if t.isLive(id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// sort puts all rows in order.
func (t *table) sort() {
	type entry struct {
		last int64
		id   uint32
	}
	entries := make([]entry, 0, t.n)
	for _, id := range t.live() {
		entries = append(entries, entry{t.at(id).last, id})
	}
	slices.SortFunc(entries, func(a, b entry) int {
		if n := cmp.Compare(b.last, a.last); n != 0 {
			return n
		}
		return t.compare(a.id, b.id)
	})
	ids := make([]uint32, len(entries))
	for i, e := range entries {
		ids[i] = e.id
	}
	t.newest = rows.NewOrder(t.compare)
	t.newest.Load(ids)
}

// sortNames puts all rows in the order of their names.
func (t *table) sortNames() {
	type entry struct {
		name string
		id   uint32
	}
	entries := make([]entry, 0, t.n)
	for _, id := range t.live() {
		entries = append(entries, entry{t.name(t.at(id)), id})
	}
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	ids := make([]uint32, len(entries))
	for i, e := range entries {
		ids[i] = e.id
	}
	t.byName = rows.NewOrder(func(a, b uint32) int { return strings.Compare(t.name(t.at(a)), t.name(t.at(b))) })
	t.byName.Load(ids)
}
