package bench

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// newMissFloor is how many new misses a second must be noted.
const newMissFloor = 2000

// BenchmarkNewMiss asks for what was never asked for. It is compared with the least that noting takes: a
// file written under one name and renamed to another, by one thread with nothing else to do. So the ratio
// says how much more than that a note is, whatever the disk.
func BenchmarkNewMiss(b *testing.B) {
	data, _ := dataDir(b, 1, 1)
	s := serve(b, data)
	pattern := "/blob?url=" + strings.Replace(url.QueryEscape(strings.Replace(originURL(0), ".00_", ".NUMBER_", 1)), "NUMBER", "%d", 1)
	pattern = strings.ReplaceAll(strings.ReplaceAll(pattern, "%", "%%"), "%%d", "%d") // of Lua's string.format
	asked, answered := 0, 0
	ours := func() sample {
		return s.timed(b, func() load {
			l := s.wrk(b, time.Second, http.StatusNotFound, pattern, strconv.Itoa(asked))
			asked += l.n + connections // some were on their way at the end
			answered += l.n
			return l
		})
	}
	plain, n, made := b.TempDir(), choose(10_000, 4_000), 0
	theirs := func() sample {
		made += n
		return plainFiles(b, plain, made-n, made)
	}
	rounds := choose(7, 3)
	pairs := alternate(rounds, ours, theirs)
	names, err := os.ReadDir(filepath.Join(data, "misses"))
	must(b, err)
	if len(names) < answered || len(names) > answered+rounds*connections {
		b.Fatalf("%d misses are noted where %d were answered", len(names), answered)
	}
	columns("newmiss", "fromcache", "write+rename")
	compare(b, "rate", pairs, perSecond, func(s sample) float64 { return s.rate }, nil)
	compare(b, "CPU each", pairs, micros, func(s sample) float64 { return s.cpu }, nil)
	got := each(pairs, func(p pair) float64 { return p.ours.rate }).median
	figure("new misses noted", fmt.Sprintf("%.0f/s", got), fmt.Sprintf("hold %d/s", newMissFloor), got >= newMissFloor)
}

// plainFiles makes small files, from one number to another, and renames each. They stay, as the misses
// do: a directory that grows is a part of the comparison, and removing them would make the disk busy.
func plainFiles(b *testing.B, dir string, from, to int) sample {
	for _, d := range []string{"tmp", "misses"} {
		must(b, os.MkdirAll(filepath.Join(dir, d), 0o700))
	}
	me := os.Getpid()
	start, before := time.Now(), cpuTime(b, me)
	line := "\n2026-01-01T00:00:00Z miss 127.0.1.1 curl/7.88.1\n"
	for i := from; i < to; i++ {
		url := originURL(1000 + i)
		tmp := filepath.Join(dir, "tmp", fmt.Sprintf(".new-%016x", i))
		must(b, os.WriteFile(tmp, []byte(url+line), 0o660))
		must(b, os.Rename(tmp, filepath.Join(dir, "misses", fmt.Sprintf("%s--%016x", filepath.Base(url), i))))
	}
	n := float64(to - from)
	return sample{rate: n / time.Since(start).Seconds(), cpu: (cpuTime(b, me) - before).Seconds() / n}
}
