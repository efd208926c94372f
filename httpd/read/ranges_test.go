package read

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// FuzzRange: whatever a Range field holds, an answer in parts says where each is,
// and one that there are none says how many bytes there are.
func FuzzRange(f *testing.F) {
	for _, v := range []string{"bytes=0-3", "bytes=-0", "bytes=9-5", "BYTES=1-,, -2", "bytes=+1-2", "bytes=", "lines=1-2", "bytes=0-0,-1", "bytes=7-", "bytes=99-"} {
		f.Add(v, int64(10))
	}
	f.Fuzz(func(t *testing.T, v string, size int64) {
		size = max(size%1000, 1)
		r := &http.Request{Method: http.MethodGet, Header: http.Header{"Range": {v}}}
		settleRange(r.Header, size)
		w := &spare{fields: http.Header{}}
		http.ServeContent(w, r, "x.bin", time.Time{}, strings.NewReader(strings.Repeat("x", int(size))))
		said := w.fields.Get("Content-Range")
		switch w.code {
		case http.StatusOK:
		case http.StatusRequestedRangeNotSatisfiable:
			if said != "bytes */"+strconv.FormatInt(size, 10) {
				t.Errorf("%q of %d: 416 and Content-Range %q", v, size, said)
			}
		case http.StatusPartialContent:
			if said == "" && !strings.HasPrefix(w.fields.Get("Content-Type"), "multipart/byteranges") || said != "" && w.n < 1 {
				t.Errorf("%q of %d: 206, %d bytes and Content-Range %q", v, size, w.n, said)
			}
		default:
			t.Errorf("%q of %d: %d", v, size, w.code)
		}
	})
}

// TestManyRanges: so many are served, and who asks for one more gets the whole.
func TestManyRanges(t *testing.T) {
	for n, want := range map[int]bool{1: true, maxRanges: true, maxRanges + 1: false, 5000: false} {
		h := http.Header{"Range": {"bytes=0-0" + strings.Repeat(",0-0", n-1)}}
		settleRange(h, 10)
		if h["Range"] != nil != want {
			t.Errorf("%d ranges: %.40q", n, h["Range"])
		}
	}
}

// spare is a response that is only counted.
type spare struct {
	fields  http.Header
	code, n int
}

func (w *spare) Header() http.Header  { return w.fields }
func (w *spare) WriteHeader(code int) { w.code = code }
func (w *spare) Write(b []byte) (int, error) {
	w.n += len(b)
	return len(b), nil
}
