package verbs_test

import (
	"errors"
	"fromcache/fsstore"
	"fromcache/fsstore/internal/storetest"
	"fromcache/fsstore/key"
	"testing"
)

func TestNoURLWithAPasswordIsAdded(t *testing.T) {
	s := storetest.TestStore(t)
	if _, err := s.Add(fsstore.Addition{URL: "https://user:word@example.com/x.run"}, storetest.Operator); !errors.Is(err, key.ErrBadURL) {
		t.Error(err)
	}
	storetest.Want(t, s, fsstore.Queue)
}
