package rows

// Index leads from a hash to rows, by open addressing with linear probing: 4 bytes a place, where a
// map of Go takes 20. Hash tells the hash of a row that it has.
type Index struct {
	Hash func(id uint32) uint64

	places []uint32 // a row and 1, 0 where there was never one, or dead
	taken  int      // places that are not 0
}

const dead = ^uint32(0)

// Find calls is with rows that may have the hash until it says yes.
func (x *Index) Find(hash uint64, is func(id uint32) bool) (id uint32, ok bool) {
	if len(x.places) == 0 {
		return 0, false
	}
	mask := uint64(len(x.places) - 1)
	for i := hash & mask; x.places[i] != 0; i = (i + 1) & mask {
		if at := x.places[i]; at != dead && is(at-1) {
			return at - 1, true
		}
	}
	return 0, false
}

// Add adds a row that it has not.
func (x *Index) Add(id uint32) {
	if 4*(x.taken+1) > 3*len(x.places) {
		x.grow()
	}
	x.place(id)
}

func (x *Index) place(id uint32) {
	mask := uint64(len(x.places) - 1)
	i := x.Hash(id) & mask
	for x.places[i] != 0 {
		i = (i + 1) & mask
	}
	x.places[i] = id + 1
	x.taken++
}

// Remove removes a row, while its hash is still what it was.
func (x *Index) Remove(id uint32) {
	if len(x.places) == 0 {
		return
	}
	mask := uint64(len(x.places) - 1)
	for i := x.Hash(id) & mask; x.places[i] != 0; i = (i + 1) & mask {
		if x.places[i] == id+1 {
			x.places[i] = dead
			return
		}
	}
}

// grow makes room, and drops the dead.
func (x *Index) grow() {
	old, n := x.places, 0
	for _, at := range old {
		if at != 0 && at != dead {
			n++
		}
	}
	size := 64
	for 2*(n+1) > size {
		size *= 2
	}
	x.places, x.taken = make([]uint32, size), 0
	for _, at := range old {
		if at != 0 && at != dead {
			x.place(at - 1)
		}
	}
}
