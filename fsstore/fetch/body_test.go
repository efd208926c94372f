package fetch

import (
	"bytes"
	"io"
	"testing"
	"time"
)

// The ring gives out every byte once and in order, whatever the sizes of reads and writes.
func TestRing(t *testing.T) {
	want := noise(5, 3*ringSize+12345)
	body := io.MultiReader(bytes.NewReader(want[:1]), &stutter{want[1 : ringSize+7], 1}, bytes.NewReader(want[ringSize+7:]))
	r := readAhead(body, time.Minute, func(error) {})
	var got []byte
	for {
		b, err := r.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		n := max(1, len(b)-len(got)%97)
		got = append(got, b[:n]...)
		r.done(n)
	}
	r.close()
	if !bytes.Equal(got, want) {
		t.Error("the bytes differ")
	}
	r = readAhead(bytes.NewReader(want), time.Minute, func(error) {})
	r.next()
	r.close() // full, and nobody reads on
}

// stutter returns odd numbers of bytes.
type stutter struct {
	b []byte
	n int
}

func (s *stutter) Read(b []byte) (int, error) {
	if len(s.b) == 0 {
		return 0, io.EOF
	}
	s.n = s.n*7%9973 + 1
	n := copy(b[:min(len(b), s.n)], s.b)
	s.b = s.b[n:]
	return n, nil
}
