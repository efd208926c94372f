package rows

import (
	"slices"
	"sort"
)

// list is rows in an order, in chunks: 4 bytes a row, where a B-tree takes 16. To put one in or take
// it out moves a chunk at most.
type list struct {
	compare func(a, b uint32) int
	chunks  [][]uint32 // none is empty
	n       int
}

// chunkRows is how many rows are in a chunk at most. A million are in 1,000 chunks then, of which
// as many are passed to find a place.
const chunkRows = 1024

// load adds a row behind all others.
func (l *list) load(id uint32) {
	last := len(l.chunks) - 1
	if last < 0 || len(l.chunks[last]) == chunkRows {
		l.chunks = append(l.chunks, make([]uint32, 0, chunkRows))
		last++
	}
	l.chunks[last] = append(l.chunks[last], id)
	l.n++
}

// find returns where a row is, or would be: a chunk, and a place in that.
func (l *list) find(id uint32) (chunk, place int, has bool) {
	chunk, _ = slices.BinarySearchFunc(l.chunks, id, func(c []uint32, id uint32) int {
		return l.compare(c[len(c)-1], id)
	})
	if chunk == len(l.chunks) {
		return chunk, 0, false
	}
	place, has = slices.BinarySearchFunc(l.chunks[chunk], id, l.compare)
	return chunk, place, has
}

// set adds a row if it is not there.
func (l *list) set(id uint32) {
	chunk, place, has := l.find(id)
	switch {
	case has:
		return
	case chunk == len(l.chunks):
		l.load(id)
		return
	}
	c := l.chunks[chunk]
	if len(c) == chunkRows {
		l.split(chunk)
		l.set(id)
		return
	}
	l.chunks[chunk] = slices.Insert(c, place, id)
	l.n++
}

func (l *list) split(chunk int) {
	c := l.chunks[chunk]
	l.chunks = slices.Insert(l.chunks, chunk+1, append(make([]uint32, 0, chunkRows), c[chunkRows/2:]...))
	l.chunks[chunk] = c[:chunkRows/2]
}

func (l *list) remove(id uint32) {
	chunk, place, has := l.find(id)
	if !has {
		return
	}
	l.chunks[chunk] = slices.Delete(l.chunks[chunk], place, place+1)
	if l.n--; len(l.chunks[chunk]) == 0 {
		l.chunks = slices.Delete(l.chunks, chunk, chunk+1)
	}
}

func (l *list) at(place int) (id uint32, ok bool) {
	if place < 0 || place >= l.n {
		return 0, false
	}
	for _, c := range l.chunks {
		if place < len(c) {
			return c[place], true
		}
		place -= len(c)
	}
	return 0, false
}

func (l *list) scan(do func(id uint32) bool) {
	for _, c := range l.chunks {
		for _, id := range c {
			if !do(id) {
				return
			}
		}
	}
}

// after returns the place of the first row for which is is true, as it is for all behind that one.
func (l *list) after(is func(id uint32) bool) (place int) {
	chunk := sort.Search(len(l.chunks), func(i int) bool { return is(l.chunks[i][len(l.chunks[i])-1]) })
	for _, c := range l.chunks[:chunk] {
		place += len(c)
	}
	if chunk < len(l.chunks) {
		c := l.chunks[chunk]
		place += sort.Search(len(c), func(i int) bool { return is(c[i]) })
	}
	return place
}
