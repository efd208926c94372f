package bench

import (
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"fromcache/fsstore"
	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
)

var (
	treeDir   = flag.String("tree", "", "keep the tree of Million in `DIR`, so that another run need not make it")
	artifacts = flag.Int("artifacts", 1_000_000, "how many Million has")
)

// millionTree makes the tree of Million where it is not there: a meta, a blob of some bytes and a job in done/ for each
// artifact, hits for each tenth, and misses.
func millionTree(b *testing.B) string {
	data := filepath.Join(*treeDir, fmt.Sprintf("artifacts-%d", *artifacts))
	if _, err := os.Stat(data); err == nil {
		return data
	}
	part := data + ".part"
	must(b, os.RemoveAll(part))
	manyArtifacts(b, part, *artifacts)
	manyEnded(b, part, *artifacts)
	manyMisses(b, part, largeMisses)
	must(b, os.Rename(part, data))
	return data
}

// manyEnded writes the jobs of artifacts in done/, a second apart, and hits of each tenth.
func manyEnded(b *testing.B, data string, n int) {
	s, err := fsstore.Open(data, fsstore.Options{})
	must(b, err)
	defer s.Close()
	const hands = 4
	var wait sync.WaitGroup
	now := time.Now().UTC()
	for hand := range hands {
		wait.Go(func() {
			for i := hand; i < n && !b.Failed(); i += hands {
				if err := writeEnded(data, i, now.Add(time.Duration(i-n)*time.Second), s.Rule()); err != nil {
					b.Error(err)
				}
			}
		})
	}
	wait.Wait()
	if b.Failed() {
		b.FailNow()
	}
}

func writeEnded(data string, i int, at time.Time, rule key.Rule) error {
	a := smallArtifact(i)
	u, err := key.Parse(a.url, rule)
	if err != nil {
		return err
	}
	text := a.url + "\n" +
		job.Event{Time: at.Add(-time.Minute), Kind: job.Miss, Count: 1 + i%7, Addr: fmt.Sprintf("10.0.%d.%d", i%7, i%200), Tool: "curl/7.88.1"}.Line() +
		job.Event{Time: at.Add(-time.Second), Kind: job.Approve, Count: 1, Via: "web", Addr: "10.0.0.2"}.Line() +
		job.Event{Time: at, Kind: job.Done, Count: 1, Size: a.size, Sha256: a.digest}.Line()
	err = os.WriteFile(filepath.Join(data, "done", u.Key()+".job"), []byte(text), 0o660)
	if i%10 == 0 {
		err = errors.Join(err, os.WriteFile(filepath.Join(data, "hits", u.Key()), fmt.Appendf(nil, "%d\n", i%1000), 0o660))
	}
	return err
}

// BenchmarkMillion is what a cache-host with a million artifacts feels like. Memory and what a processor did have the
// verdict where the clock of a busy machine has none.
func BenchmarkMillion(b *testing.B) {
	if *treeDir == "" {
		b.Skip("a tree of a million artifacts takes 12 GB and minutes: say where to keep it, with -args -tree DIR")
	}
	data := millionTree(b)
	fmt.Printf("\nmillion: %d artifacts, as many jobs in done/, %d misses\n", *artifacts, largeMisses)
	s := firstAnswer(b, data, smallArtifact(*artifacts/2))
	s.resident(b, "resident before a page", 64<<20)
	byHash(b, s, "by-hash before a page", 1)
	w := newWindow(s)
	w.load(b)
	byHash(b, s, "by-hash", choose(100, 10))
	for _, path := range millionPages() {
		w.page(b, path)
	}
	s.resident(b, "resident after all pages", 512<<20)
	s.stop()
	for _, verb := range [][]string{{"ls", "artifacts"}, {"fsck", "--quick"}, {"gc"}, {"stats"}} {
		runVerb(b, data, verb)
	}
}

func (s *server) resident(b *testing.B, when string, limit int64) {
	now, most := s.memory(b)
	figure(when, mib(now), fmt.Sprintf("greatest since the start %s; limit %s", mib(most), mib(limit)), now <= limit)
}

// byHash asks for artifacts by their digests.
func byHash(b *testing.B, s *server, when string, n int) {
	var took []float64
	for i := range n {
		a := smallArtifact((i*7919 + 1) % *artifacts)
		begin := time.Now()
		s.verify(b, answer{"/by-hash/sha256/" + a.digest, http.StatusOK}, a.size, a.digest)
		took = append(took, time.Since(begin).Seconds())
	}
	most := spreadOf(took)
	figure(when, fmt.Sprintf("%.1f ms", most.median*1e3), fmt.Sprintf("at most %.1f of %d; limit 5 ms", most.greatest*1e3, n), most.median <= 0.005)
}

var stillReading = regexp.MustCompile(`([0-9,]+) of [0-9,]+ artifacts have been read`)

// load asks for the page of all artifacts until it has all.
func (w *window) load(b *testing.B) {
	begin, pid := time.Now(), w.s.cmd.Process.Pid
	before := cpuTime(b, pid)
	body, took := w.get(b, "/artifacts")
	read := "all"
	if m := stillReading.FindSubmatch(body); m != nil {
		read = string(m[1])
	}
	figure("first page", seconds(took), fmt.Sprintf("it shows what has been read: %s; limit 1 s", read), took <= time.Second)
	for stillReading.Match(body) {
		time.Sleep(200 * time.Millisecond)
		body, _ = w.get(b, "/artifacts")
	}
	took = time.Since(begin)
	figure("all artifacts are on the page after", seconds(took),
		fmt.Sprintf("processors %s; limit 20 s, by the clock of two", seconds(cpuTime(b, pid)-before)), took <= 20*time.Second)
	w.s.resident(b, "resident then", 512<<20)
}

// millionPages are all pages, and searches for what many and few have.
func millionPages() []string {
	return append(largePages(), fmt.Sprintf("/artifacts?page=%d", *artifacts/100), "/artifacts?sort=misses", "/artifacts?q=deb&page=5000",
		"/artifacts?q=mirror.example--", "/artifacts?q="+smallArtifact(5).digest[:9], "/downloads?state=completed", "/downloads?state=completed&page=900",
		"/stats?days=90", "/stats.csv?by=artifact", "/search?q=package-0777", "/search?q=10.0.3.77", "/search?q="+smallArtifact(7).digest,
		"/api/v1/artifacts", "/api/v1/artifacts?match=*-077777_*", "/api/v1/jobs/done", "/api/v1/counts", "/api/v1/stats")
}

// page times one page: the first time, and as it is asked for again.
func (w *window) page(b *testing.B, path string) {
	first := w.timed(b, path)
	var again []cost
	for range choose(9, 5) {
		again = append(again, w.timed(b, path))
	}
	warm := middle(again)
	figure("page "+short(path), warm.String(), fmt.Sprintf("the first time %s; computed %.1f and %.1f ms, limit %.0f ms",
		first, warm.cpu*1e3, first.cpu*1e3, pageLimit*1e3), warm.cpu <= pageLimit)
}

// runVerb runs a verb without a server.
func runVerb(b *testing.B, data string, verb []string) {
	c := exec.CommandContext(b.Context(), *binary, append(verb, "--data-dir", data)...)
	c.Stderr = os.Stderr
	begin := time.Now()
	must(b, c.Run())
	took := time.Since(begin)
	usage := c.ProcessState.SysUsage().(*syscall.Rusage)
	limit := 30 * float64(*artifacts) / 1e6
	if verb[0] != "ls" {
		limit *= 2
	}
	figure("fromcache "+strings.Join(verb, " "), seconds(took), fmt.Sprintf("processors %s, at most %s; limit %.0f s",
		seconds(c.ProcessState.UserTime()+c.ProcessState.SystemTime()), mib(usage.Maxrss<<10), limit), took.Seconds() <= limit)
}
