package main

import (
	"fmt"
	"strings"
	"testing"
)

// Few rows look as columns prints them, whatever is in them.
func TestTableOfFewRows(t *testing.T) {
	var got, want strings.Builder
	rows, w := table{w: &got}, columns(&want)
	for i := range 100 {
		cells := []string{strings.Repeat("é", i%7), fmt.Sprint(i * i), "", strings.Repeat("x", 100-i)}
		if err := rows.add(cells...); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(w, strings.Join(cells, "\t"))
	}
	if got.Len() != 0 {
		t.Error("it did not look ahead")
	}
	if err := rows.flush(); err != nil {
		t.Fatal(err)
	}
	w.Flush()
	if got.String() != want.String() {
		t.Errorf("got\n%swant\n%s", got.String(), want.String())
	}
}

// Of many rows no more are kept than it looks ahead. A wide cell that comes later is printed whole.
func TestTableOfManyRows(t *testing.T) {
	var got strings.Builder
	rows := table{w: &got}
	for range lookAhead + 5 {
		if err := rows.add("key", "url"); err != nil {
			t.Fatal(err)
		}
		if len(rows.rows) >= lookAhead {
			t.Fatalf("it keeps %d rows", len(rows.rows))
		}
	}
	if err := rows.add("longer", "url"); err != nil {
		t.Fatal(err)
	}
	if err := rows.flush(); err != nil {
		t.Fatal(err)
	}
	want := strings.Repeat("key  url\n", lookAhead+5) + "longer  url\n"
	if got.String() != want {
		t.Errorf("%d bytes of %d, the last %q", got.Len(), len(want), got.String()[got.Len()-30:])
	}
}
