package main

import (
	"strings"
	"testing"
	"time"
)

func TestSize(t *testing.T) {
	for in, want := range map[string]int64{
		"0": 0, "off": 0, "OFF": 0, "4096": 4096, "1GiB": 1 << 30, "1 GiB": 1 << 30, "1gb": 1e9, "1.5G": 3 << 29, "2T": 2 << 40,
		"10B": 10, "500K": 500 << 10,
	} {
		s := size(-1)
		if err := s.Set(in); err != nil || int64(s) != want {
			t.Errorf("%q is %d, %v; want %d", in, s, err, want)
		}
	}
	for _, in := range []string{"", "x", "-1", "1X", "GiB", "NaN", "Inf", "1e30", "9223372036854775808"} {
		if s := size(0); s.Set(in) == nil {
			t.Errorf("%q is %d", in, s)
		}
	}
}

func TestSpan(t *testing.T) {
	for in, want := range map[string]time.Duration{
		"90d": 90 * 24 * time.Hour, "1.5d": 36 * time.Hour, "36h": 36 * time.Hour, "10m": 10 * time.Minute,
	} {
		var d span
		if err := d.Set(in); err != nil || time.Duration(d) != want {
			t.Errorf("%q is %v, %v; want %v", in, time.Duration(d), err, want)
		}
	}
	for _, in := range []string{"", "d", "-1d", "0", "9", "1e9d", "NaNd"} {
		if d := span(0); d.Set(in) == nil {
			t.Errorf("%q is %v", in, time.Duration(d))
		}
	}
}

func TestBytes(t *testing.T) {
	for in, want := range map[int64]string{
		0: "0 B", 1023: "1023 B", 1024: "1 KiB", 1536: "1.5 KiB", 1 << 30: "1 GiB", 123 << 30: "123 GiB", 1<<63 - 1: "8192 PiB",
	} {
		if got := bytes(in); got != want {
			t.Errorf("bytes(%d) is %q, want %q", in, got, want)
		}
	}
}

// Flags of one dash were accepted until cobra came, and scripts may hold them.
func TestArguments(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"fromcache", ""},
		{"fromcache -data-dir x ls -json", "--data-dir x ls --json"},
		{"fromcache ls -data-dir=x", "ls --data-dir=x"},
		{"fromcache ls -h", "ls -h"},
		{"fromcache put https://a.example/x -", "put https://a.example/x -"},
		{"fromcache serve --history -1h --port -1", "serve --history -1h --port -1"},
		{"fromcache add -- -json", "add -- -json"},
		{"/usr/bin/fromcache-server -port 0", "serve --port 0"},
		{"fromcache-server", "serve"},
	} {
		got := arguments(strings.Fields(c.args))
		if got == nil || strings.Join(got, " ") != c.want {
			t.Errorf("%s is %q, want %s", c.args, got, c.want)
		}
	}
}

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"plain name": "plain name", "ä": "ä", "a\x1b[2Jb": `a\x1b[2Jb`, "a\nb": `a\nb`, "\u202egpj": `\u202egpj`, "\xff": `\ufffd`,
	} {
		if got := printable(in); got != want {
			t.Errorf("printable(%q) is %q, want %q", in, got, want)
		}
	}
}

// FuzzSize: a size is not negative, is taken again as it is shown, to the figure
// that is shown, and no text means less than a part of it that is a number.
func FuzzSize(f *testing.F) {
	for _, v := range []string{"0", "off", "1GiB", "1.5 g", "-0", "-1", "0.4", "1e18", "9223372036854775807", "8388607T", "2048TiB", "3PiB", "nan", "inf", "0x1p62", "1_0", "٣K", "1KiBB"} {
		f.Add(v)
	}
	f.Fuzz(func(t *testing.T, v string) {
		var s, again size
		if s.Set(v) != nil {
			return
		}
		if s < 0 {
			t.Fatalf("%q is %d", v, s)
		}
		shown := s.String()
		if err := again.Set(shown); err != nil && s < 1<<62 {
			t.Fatalf("%q is %q, %v", v, shown, err)
		}
		if diff := s - again; s < 1<<62 && (diff > s/20 || diff < -s/20) {
			t.Fatalf("%q is %d, and %q is %d", v, s, shown, again)
		}
	})
}

// FuzzSpan: a span is more than nothing, and is taken again as it is shown.
func FuzzSpan(f *testing.F) {
	for _, v := range []string{"90d", "1.5d", "36h", "48h", "-1d", "0", "36500d", "36501d", "876024h", "2562047h47m16.854775807s", "106751d", "106752d", "nand", "infd", "1e-20d", "1ns", "0x1p4d", "1h1d"} {
		f.Add(v)
	}
	f.Fuzz(func(t *testing.T, v string) {
		var d, again span
		if d.Set(v) != nil {
			return
		}
		if d <= 0 {
			t.Fatalf("%q is %v", v, time.Duration(d))
		}
		if err := again.Set(d.String()); err != nil || again != d {
			t.Fatalf("%q is %q, which is %q, %v", v, d.String(), again.String(), err)
		}
	})
}
