package operate

import (
	"context"

	"fromcache/fsstore"
)

// Status says whether all is well.
func (l *Local) Status(context.Context) (*fsstore.Status, error) { return l.Store.Status() }
