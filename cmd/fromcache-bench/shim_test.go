package bench

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"fromcache/cmd/internal/testbed"
)

// shims are further programs that stand in for curl.
var shims = flag.String("shims", "", "measure these `FILES`, by commas, beside our shim: an older one, or curlfromcache of the wheel of fromcache 0.1.0")

// original says where that wheel is, to who has named no file.
const original = "With -shims the shim of fromcache 0.1.0 takes part: pip download --no-deps fromcache==0.1.0, and unzip it."

// onlyExec is the least that a program which stands in for another one can do.
const onlyExec = `
#include <stdlib.h>
#include <unistd.h>
int main(int argc, char **argv)
{
	execv(getenv("TOOL"), argv);
	return 127;
}
`

// program is one that is compared. A plain one asks no cache.
type program struct {
	name, file string
	plain      bool
}

// client is a program under the name curl, and what each of its calls took.
type client struct {
	program
	path  string
	calls []call
}

// call is what one took, and the CPU time of it, of which a cache-host has no part.
type call struct{ wall, cpu time.Duration }

// programs makes what is compared, our shim last.
func programs(b *testing.B) (list []program) {
	dir := b.TempDir()
	if cc, err := exec.LookPath("cc"); err == nil {
		build := exec.Command(cc, "-O2", "-static", "-x", "c", "-o", filepath.Join(dir, "exec"), "-")
		build.Stdin = strings.NewReader(onlyExec)
		if out, err := build.CombinedOutput(); err != nil {
			b.Fatalf("%v: %s", err, out)
		}
		list = append(list, program{"C that only execs", filepath.Join(dir, "exec"), true})
	}
	for file := range strings.FieldsFuncSeq(*shims, func(r rune) bool { return r == ',' }) {
		path, err := filepath.Abs(file)
		must(b, err)
		list = append(list, program{name: filepath.Base(filepath.Dir(path)) + "/" + filepath.Base(path), file: path})
	}
	out, err := exec.Command("../fromcache-shim/build", filepath.Join(dir, "fromcache-shim")).CombinedOutput()
	if fmt.Print(string(out)); err != nil {
		b.Fatal(err)
	}
	return append(list, program{name: "fromcache-shim", file: filepath.Join(dir, "fromcache-shim")})
}

// named gives programs the name curl, each in a directory of its own; the first is the tool itself.
func named(b *testing.B, tool string, programs []program) (list []*client) {
	path, err := exec.LookPath(tool)
	if err != nil {
		b.Skip(tool + " is not installed")
	}
	dir := b.TempDir()
	for i, p := range slices.Concat([]program{{"bare", path, true}}, programs) {
		c := &client{program: p, path: filepath.Join(dir, fmt.Sprint(i), "curl")}
		must(b, os.Mkdir(filepath.Dir(c.path), 0o755))
		must(b, os.Symlink(p.file, c.path))
		list = append(list, c)
	}
	return list
}

// run times one call.
func (c *client) run(b *testing.B, env []string, url string) {
	cmd := exec.Command(c.path, "-fsSL", "-o", os.DevNull, url)
	cmd.Env = env
	began := time.Now()
	err := cmd.Run()
	took := time.Since(began)
	if err != nil {
		b.Fatalf("%s: %v", c.name, err)
	}
	c.calls = append(c.calls, call{took, cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()})
}

// quartiles are of what a client's calls cost more than the bare calls beside them, in milliseconds.
func (c *client) quartiles(bare *client, of func(call) time.Duration) (q [3]float64) {
	more := make([]float64, len(c.calls))
	for i := range more {
		more[i] = float64(of(c.calls[i])-of(bare.calls[i])) / 1e6
	}
	slices.Sort(more)
	for i := range q {
		q[i] = more[min((i+1)*len(more)/4, len(more)-1)]
	}
	return q
}

// way is one that a call may go.
type way struct {
	name, tool string
	env        []string
	url        string
	plain      string  // the URL for plain programs
	outcome    string  // by FROMCACHE_VERBOSE
	hold       float64 // ms
}

// BenchmarkShim is what a call of curl costs more through the shim: where no cache is set, where it
// was down a moment ago, where it hits, over https, too, and where it misses. The programs take
// turns, and what is compared is calls of one turn. The tool behind them is true(1), save for the
// downloads: these are of a kilobyte from the cache-host, by curl, which plain programs have ask
// there. A hit over https is one with FROMCACHE_CA_FILE, where the shim itself asks. That of
// fromcache 0.1.0 has the tool ask: true(1) asks nothing for it, so that its downloads alone tell.
func BenchmarkShim(b *testing.B) {
	data, artifacts := dataDir(b, 1, 1000)
	s := serve(b, data)
	server, held, miss := "http://"+s.addr, artifacts[0].url, originURL(1000)
	s.verify(b, answer{testbed.TokenPath(miss), 404}, 0, "") // it is noted from now on
	secure, ca := serveTLS(b, data)
	made := programs(b)
	if *shims == "" {
		fmt.Println(original)
	}
	down := "http://" + addr(freePort(b))
	for _, w := range []way{
		{"unset", "true", nil, miss, miss, "pass", 0.5},
		{"down", "true", []string{"FROMCACHE_SERVER=" + down}, miss, miss, "pass", 1.5},
		{"miss", "true", []string{"FROMCACHE_SERVER=" + server}, miss, miss, "miss", 1.5},
		{"hit", "true", []string{"FROMCACHE_SERVER=" + server}, held, held, "hit", 1.5},
		{"https", "true", []string{"FROMCACHE_SERVER=" + secure, "FROMCACHE_CA_FILE=" + ca}, strings.Replace(held, "http:", "https:", 1), held, "hit", 6},
		{"download", "curl", []string{"FROMCACHE_SERVER=" + server}, held, server + testbed.TokenPath(held), "hit", 1.5},
	} {
		list := named(b, w.tool, made)
		w.env = append(w.env, "PATH="+filepath.Dir(list[0].path), "TOOL="+list[0].path, "HOME="+b.TempDir(), "TMPDIR="+b.TempDir())
		w.verify(b, list[len(list)-1])
		for range choose(200, 50) {
			for _, c := range list {
				url := w.url
				if c.plain {
					url = w.plain
				}
				c.run(b, w.env, url)
			}
		}
		report(b, w.name, w.hold, list)
	}
}

// verify holds that our shim goes this way. It has the files come into memory, too.
func (w way) verify(b *testing.B, ours *client) {
	b.Helper()
	for range 2 { // the first may find out that the cache is down
		cmd := exec.Command(ours.path, "-fsSL", "-o", os.DevNull, w.url)
		cmd.Env = append(slices.Clone(w.env), "FROMCACHE_VERBOSE=1")
		said, err := cmd.CombinedOutput()
		if err != nil || !strings.HasPrefix(string(said), "fromcache: curl: "+w.outcome) {
			b.Fatalf("%s: %v %s", w.name, err, said)
		}
	}
}

// report prints what each program costs more than the bare tool.
func report(b *testing.B, name string, hold float64, list []*client) {
	fmt.Printf("\n%-8s %-22s %-30s %s\n", name, "ms more than bare", "wall 25 %  MEDIAN  75 %", "CPU 25 %  MEDIAN  75 %")
	bare := list[0]
	for _, c := range list[1:] {
		wall := c.quartiles(bare, func(c call) time.Duration { return c.wall })
		cpu := c.quartiles(bare, func(c call) time.Duration { return c.cpu })
		fmt.Printf("%-8s %-22s %8.2f %8.2f %7.2f %10.2f %8.2f %7.2f", "", c.name, wall[0], wall[1], wall[2], cpu[0], cpu[1], cpu[2])
		if c == list[len(list)-1] {
			verdict := "holds"
			if wall[1] > hold {
				verdict = "ABOVE"
			}
			fmt.Printf("   hold %.1f: %s", hold, verdict)
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(wall[1], name+"-ms-more")
		}
		fmt.Println()
	}
	for _, c := range list {
		c.calls = nil
	}
}
