package main

import (
	"slices"
	"testing"

	"fromcache/cmd/fromcache-torture/judge"
)

func TestReadTests(t *testing.T) {
	row := judge.NewRow("17 ways inside", "addresses")
	out := "=== RUN   TestInside\n    inside_test.go:40: 1869 tries as the URL\n    inside_test.go:41: got 3 of 4\n    inside_test.go:42: 7 guesses in 5 s: 4 looked at\n" +
		"--- PASS: TestInside (0.1s)\n    --- PASS: TestInside/sub (0.1s)\n=== RUN   TestNet\n    net_test.go:9: needs root\n--- SKIP: TestNet (0.0s)\nPASS\n"
	if n := readTests(out, row); n != 1 || row.Cases("tests") != 1 || row.Cases("tries as the URL") != 1869 || row.Cases("guesses") != 7 {
		t.Errorf("%d tests passed\n%s", n, row.Text())
	}
	if len(row.Notes()) != 1 {
		t.Errorf("notes: %q", row.Notes())
	}
	if names := (proof{tests: "Inside Net .*sid Gone"}).without(out); !slices.Equal(names, []string{"Gone"}) {
		t.Errorf("without %q", names)
	}
}

func TestFloors(t *testing.T) {
	for name := range floors {
		if _, err := choose([]string{name}); err != nil {
			t.Error(err)
		}
	}
	f := floor{"kills", 2, 5}
	for _, test := range []struct {
		tried  int
		note   string
		long   bool
		passes bool
	}{
		{tried: 2, passes: true},
		{tried: 1},
		{tried: 0},
		{tried: 0, note: "needs root: not run", passes: true},
		{tried: 1, note: "needs root: not run"},
		{tried: 4, long: true},
		{tried: 5, long: true, passes: true},
	} {
		row := judge.NewRow("1 kill", "kill")
		row.Tried("kills", test.tried)
		if test.note != "" {
			row.Note("%s", test.note)
		}
		f.judge(test.long, row)
		if passes := len(row.Violations()) == 0; passes != test.passes {
			t.Errorf("%+v: %q", test, row.Violations())
		}
	}
}
