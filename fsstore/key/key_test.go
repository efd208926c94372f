package key

import "testing"

func TestKeyOfDesign(t *testing.T) {
	u, err := Parse("HTTPS://user:pw@Developer.Download.NVIDIA.com:443/compute/./cuda/x/../cuda_12.9_linux.run?t=abc#f", Auto)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := u.String(), "https://developer.download.nvidia.com/compute/cuda/cuda_12.9_linux.run"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if !Valid(u.Key()) || !u.QueryDropped() || u.Basename() != "cuda_12.9_linux.run" {
		t.Errorf("got %+v, key %s", u, u.Key())
	}
}

func BenchmarkParseKey(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		u, err := Parse("https://developer.download.nvidia.com/compute/cuda/12.9/cuda_12.9_linux.run", Auto)
		if err != nil || u.Key() == "" {
			b.Fatal(err)
		}
	}
}
