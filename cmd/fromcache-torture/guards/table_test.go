package main

import (
	"os"
	"strings"
	"testing"
)

// Taking the guards away one at a time takes long; that each is still where the
// table says is seen in a moment.
func TestEachGuardIsWhereTheTableSays(t *testing.T) {
	for _, g := range guards {
		b, err := os.ReadFile("../../../" + g.file)
		if err != nil {
			t.Error(err)
			continue
		}
		if n := strings.Count(string(b), g.old); n != 1 {
			t.Errorf("%s: %d times in %s", g.name, n, g.file)
		}
	}
}

func TestAWordThatNamesNoGuardIsAMistake(t *testing.T) {
	if status := run(t.Context(), "../../..", "no such guard"); status != 2 {
		t.Errorf("exit status %d", status)
	}
}
