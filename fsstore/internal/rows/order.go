package rows

import "slices"

// Order is rows in an order. Those that come are put in their places together, when somebody looks or
// they are many, because that takes a tenth of the time that one after the other takes.
type Order struct {
	compare func(a, b uint32) int
	list    *list
	late    []uint32 // that have come, and may have gone since
}

// mostLate is how many rows wait for their places at most. That many take some 50 ms.
const mostLate = 50_000

// NewOrder returns an Order without rows. compare never returns 0 for two rows.
func NewOrder(compare func(a, b uint32) int) *Order {
	return &Order{compare: compare, list: &list{compare: compare}}
}

func (o *Order) empty() *list { return &list{compare: o.compare} }

// Load makes these the rows, which are in order.
func (o *Order) Load(sorted []uint32) {
	o.list, o.late = o.empty(), nil
	for _, id := range sorted {
		o.list.load(id)
	}
}

// Add adds a row.
func (o *Order) Add(id uint32) { o.late = append(o.late, id) }

// Remove removes a row, which is still what it was when it was added.
func (o *Order) Remove(id uint32) { o.list.remove(id) }

// IsSettled reports whether all rows are in their places.
func (o *Order) IsSettled() bool { return len(o.late) == 0 }

// IsLate reports whether so many rows wait for their places that they should be settled.
func (o *Order) IsLate() bool { return len(o.late) >= mostLate }

// Settle puts all rows into their places. is reports whether a row has not gone.
func (o *Order) Settle(is func(id uint32) bool) {
	late := slices.DeleteFunc(o.late, func(id uint32) bool { return !is(id) })
	slices.SortFunc(late, o.compare)
	late = slices.Compact(late)
	if len(late) > o.list.n/16 {
		o.merge(late)
	} else {
		for _, id := range late {
			o.list.set(id)
		}
	}
	o.late = nil
}

// merge makes the list anew, which is quicker than to put many rows into it.
func (o *Order) merge(late []uint32) {
	list := o.empty()
	o.list.scan(func(id uint32) bool {
		for len(late) > 0 && o.compare(late[0], id) <= 0 {
			if late[0] != id {
				list.load(late[0])
			}
			late = late[1:]
		}
		list.load(id)
		return true
	})
	for _, id := range late {
		list.load(id)
	}
	o.list = list
}

// Len returns how many rows are in their places.
func (o *Order) Len() int { return o.list.n }

// At returns the row at a place.
func (o *Order) At(place int) (id uint32, ok bool) { return o.list.at(place) }

// Scan calls do with each row in its place, until that returns false.
func (o *Order) Scan(do func(id uint32) bool) { o.list.scan(do) }

// After returns the place of the first row for which is is true, as it is for all behind that one.
func (o *Order) After(is func(id uint32) bool) int { return o.list.after(is) }
