package probe

import (
	"bytes"
	"io"
	"os"
	"time"

	"fromcache/shim/plan"
)

// sample is how much of the file is compared, at its beginning and at its end. Versions of one file
// differ there: archives and packages have their lists and signatures at an end, and programs their
// build's identity in the first pages.
const sample = 64 << 10

// compare says why the file that a call goes on with is not known to be the beginning of the
// version that r is of. Its end is compared first: it is the likelier to differ, and a part from
// the first byte on counts as a hit.
func (p *Prober) compare(q plan.Question, c plan.Cache, r reply, deadline time.Time) string {
	f, err := os.Open(q.Resumes)
	if err != nil {
		return "the output file can't be read"
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return "the output file is no plain file"
	}
	size := info.Size()
	if size > r.size {
		return "the output file is longer than what is held"
	}
	for _, from := range []int64{max(size-sample, 0), 0} {
		mine := make([]byte, min(sample, size))
		if _, err := io.ReadFull(io.NewSectionReader(f, from, int64(len(mine))), mine); err != nil {
			return "the output file can't be read"
		}
		held, err := p.part(q, c, r, from, from+int64(len(mine)), deadline)
		if err != nil {
			return "the cache did not say in time whether the output file is a beginning of what is held"
		}
		if !bytes.Equal(mine, held) {
			return "the output file is not a beginning of what is held"
		}
		if from == 0 {
			break
		}
	}
	return ""
}
