package judge

import (
	"testing"
	"time"
)

func TestRowIsReadAsItWasWritten(t *testing.T) {
	r := NewRow("2 power cut", "powercut")
	r.Commit = "49dbe85ab7a3"
	r.Tried("cuts of ext4", 500)
	r.Tried("cuts of xfs", 499)
	r.Violated("first\nand \\n second\\")
	r.Note("needs a loop device")
	r.Took(90 * time.Second)
	same, err := ParseRow(r.Text())
	if err != nil {
		t.Fatal(err)
	}
	if same.Text() != r.Text() || same.Violations()[0] != r.Violations()[0] || same.Cases("cuts of xfs") != 499 || !same.Date.Equal(r.Date) {
		t.Errorf("%q became %q", r.Text(), same.Text())
	}
	for _, text := range []string{"x", "tried many", "took long", "date now"} {
		if _, err := ParseRow(text); err == nil {
			t.Errorf("%q is taken for a row", text)
		}
	}
}
