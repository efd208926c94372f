package tree

import (
	"math"
	"testing"
)

// TestClampedBytes: a file system that calls itself endless has room, and not less than none.
func TestClampedBytes(t *testing.T) {
	for _, c := range []struct {
		blocks, size uint64
		want         int64
	}{
		{0, 4096, 0}, {3, 4096, 12288},
		{math.MaxUint64, 4096, math.MaxInt64}, {1 << 62, 2, math.MaxInt64}, {1<<62 - 1, 2, math.MaxInt64 - 1},
	} {
		if got := clampedBytes(c.blocks, c.size); got != c.want {
			t.Errorf("%d blocks of %d: %d, want %d", c.blocks, c.size, got, c.want)
		}
	}
}
