package rows

import (
	"slices"

	"github.com/tidwall/btree"
)

// Order is rows in an order. Those that come are put in their places together, when somebody looks or
// they are many, because that takes a tenth of the time that one after the other takes.
type Order struct {
	compare func(a, b uint32) int
	list    *btree.BTreeG[uint32]
	late    []uint32 // that have come, and may have gone since
}

// mostLate is how many rows wait for their places at most. That many take some 50 ms.
const mostLate = 50_000

// NewOrder returns an Order without rows. compare never returns 0 for two rows.
func NewOrder(compare func(a, b uint32) int) *Order {
	o := &Order{compare: compare}
	o.list = o.empty()
	return o
}

func (o *Order) empty() *btree.BTreeG[uint32] {
	less := func(a, b uint32) bool { return o.compare(a, b) < 0 }
	return btree.NewBTreeGOptions(less, btree.Options{NoLocks: true, Degree: 64})
}

// Load makes these the rows, which are in order.
func (o *Order) Load(sorted []uint32) {
	o.list, o.late = o.empty(), nil
	for _, id := range sorted {
		o.list.Load(id)
	}
}

// Add adds a row.
func (o *Order) Add(id uint32) { o.late = append(o.late, id) }

// Remove removes a row, which is still what it was when it was added.
func (o *Order) Remove(id uint32) { o.list.Delete(id) }

// IsSettled reports whether all rows are in their places.
func (o *Order) IsSettled() bool { return len(o.late) == 0 }

// IsLate reports whether so many rows wait for their places that they should be settled.
func (o *Order) IsLate() bool { return len(o.late) >= mostLate }

// Settle puts all rows into their places. is reports whether a row has not gone.
func (o *Order) Settle(is func(id uint32) bool) {
	late := slices.DeleteFunc(o.late, func(id uint32) bool { return !is(id) })
	slices.SortFunc(late, o.compare)
	late = slices.Compact(late)
	if len(late) > o.list.Len()/16 {
		o.merge(late)
	} else {
		var hint btree.PathHint
		for _, id := range late {
			o.list.SetHint(id, &hint)
		}
	}
	o.late = nil
}

// merge makes the list anew, which is quicker than to put many rows into it.
func (o *Order) merge(late []uint32) {
	list := o.empty()
	o.list.Scan(func(id uint32) bool {
		for len(late) > 0 && o.compare(late[0], id) <= 0 {
			if late[0] != id {
				list.Load(late[0])
			}
			late = late[1:]
		}
		list.Load(id)
		return true
	})
	for _, id := range late {
		list.Load(id)
	}
	o.list = list
}

// Len returns how many rows are in their places.
func (o *Order) Len() int { return o.list.Len() }

// At returns the row at a place.
func (o *Order) At(place int) (id uint32, ok bool) { return o.list.GetAt(place) }

// Scan calls do with each row in its place, until that returns false.
func (o *Order) Scan(do func(id uint32) bool) { o.list.Scan(do) }

// After returns the place of the first row for which is is true, as it is for all behind that one.
func (o *Order) After(is func(id uint32) bool) int {
	low, high := 0, o.list.Len()
	for low < high {
		mid := (low + high) / 2
		if id, _ := o.list.GetAt(mid); is(id) {
			high = mid
		} else {
			low = mid + 1
		}
	}
	return low
}
