package job

import (
	"testing"
	"time"
)

const design = `https://developer.download.nvidia.com/compute/cuda/12.9/cuda_12.9_linux.run
2026-11-22T21:27:26Z miss 10.0.0.7 curl/7.88.1
2026-11-22T21:31:00Z approve web 10.0.0.2
2026-11-22T21:31:00Z start 6211829760 "etag" host 4711
2026-11-22T21:31:40Z error 503 Service Unavailable, after 2026-11-22T21:33:40Z
`

func at(s string) time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		panic(err)
	}
	return t
}

func TestDesign(t *testing.T) {
	f := Parse([]byte(design))
	if len(f.Jobs) != 1 || len(f.Bad) != 0 {
		t.Fatalf("got %+v", f)
	}
	j := &f.Jobs[0]
	got := j.URL + "\n"
	for _, e := range j.Events {
		got += e.Line()
	}
	if got != design {
		t.Errorf("got %s", got)
	}
	if j.Attempts() != 1 || !j.Due().Equal(at("2026-11-22T21:33:40Z")) || !j.Approved() || j.FetchURL() != j.URL {
		t.Errorf("got %+v", j)
	}
}
