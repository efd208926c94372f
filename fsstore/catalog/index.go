package catalog

// index leads from a hash to rows, by open addressing with linear probing: 4 bytes a place, where a
// map of Go takes 20.
type index struct {
	places []uint32 // a row and 1, 0 where there was never one, or dead
	taken  int      // places that are not 0
	hash   func(id uint32) uint64
}

const dead = ^uint32(0)

// find calls is with rows that may have the hash until it says yes.
func (x *index) find(hash uint64, is func(id uint32) bool) (id uint32, ok bool) {
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

// add adds a row that it has not.
func (x *index) add(id uint32) {
	if 4*(x.taken+1) > 3*len(x.places) {
		x.grow()
	}
	x.place(id)
}

func (x *index) place(id uint32) {
	mask := uint64(len(x.places) - 1)
	i := x.hash(id) & mask
	for x.places[i] != 0 {
		i = (i + 1) & mask
	}
	x.places[i] = id + 1
	x.taken++
}

// remove removes a row, while its hash is still what it was.
func (x *index) remove(id uint32) {
	if len(x.places) == 0 {
		return
	}
	mask := uint64(len(x.places) - 1)
	for i := x.hash(id) & mask; x.places[i] != 0; i = (i + 1) & mask {
		if x.places[i] == id+1 {
			x.places[i] = dead
			return
		}
	}
}

// grow makes room, and drops the dead.
func (x *index) grow() {
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
