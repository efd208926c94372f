package journal_test

import (
	"context"
	"errors"
	"testing"

	"go.uber.org/goleak"

	"fromcache/fsstore"
	"fromcache/fsstore/internal/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func texts(list []fsstore.JournalEntry) (all string) {
	for _, e := range list {
		all += string(e.State) + " " + e.Text + "\n"
	}
	return all
}

// TestFollow: each line is told once, however old it is and however often its file moves.
func TestFollow(t *testing.T) {
	s := storetest.TestStore(t)
	storetest.Run(t, s.Dir(), `printf '%s\n' https://example.com/x.run '2020-01-01T00:00:00Z miss 10.0.0.7 old/1' '2020-01-02T00:00:00Z miss 10.0.0.7 old/2' >misses/x`)
	list, err := s.Journal().Entries(fsstore.JournalFilter{Last: 1})
	if got := texts(list); err != nil || got != "misses miss 10.0.0.7 old/2\n" {
		t.Errorf("%v: %s", err, got)
	}
	now := `$(date -u +%Y-%m-%dT%H:%M:%SZ)`
	steps := []struct{ do, want string }{
		{"echo " + now + " miss 10.0.0.8 new/1 >>misses/x", "misses miss 10.0.0.8 new/1\n"},
		{"mv misses/x denied/x; echo " + now + " deny cli me >>denied/x", "denied deny cli me\n"},
		{"mv denied/x misses/x; echo " + now + " miss 10.0.0.8 new/2 >>misses/x", "misses miss 10.0.0.8 new/2\n"},
	}
	enough := errors.New("enough")
	looks := 0
	err = s.Journal().Follow(t.Context(), fsstore.JournalFilter{Last: 1}, func(list []fsstore.JournalEntry) error {
		got := texts(list)
		switch {
		case looks == 0:
			if got != "misses miss 10.0.0.7 old/2\n" {
				t.Errorf("the first look: %s", got)
			}
			looks++
		case got == "":
			return nil // the next is told later
		case got != steps[0].want:
			t.Errorf("%s: %s", steps[0].do, got)
			return enough
		default:
			steps = steps[1:]
		}
		if len(steps) == 0 {
			return enough
		}
		storetest.Run(t, s.Dir(), steps[0].do)
		return nil
	})
	if !errors.Is(err, enough) {
		t.Error(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	err = s.Journal().Follow(ctx, fsstore.JournalFilter{Match: "no*"}, func(list []fsstore.JournalEntry) error {
		if len(list) > 0 {
			t.Errorf("%+v", list)
		}
		stop()
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
