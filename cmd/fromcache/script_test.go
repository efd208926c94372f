package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"go.uber.org/goleak"

	"fromcache/shim"
	"fromcache/shim/secure"
)

// The user's stories are scripts in testdata: they run these programs, the real curl, wget, mv and rsync, and an origin on
// this machine. Beside the usual commands of testscript a script has:
//
//	origin                      start an origin that serves $WORK/origin; its address is $ORIGIN
//	origin set PATH RULE=V …    change what it does with PATH: see rule
//	origin release PATH         let an answer that is held go on
//	origin log                  print the requests, one a line
//	serve NAME [FLAGS…]         start a cache-host on $WORK/data (or --data-dir) and wait until it is well; its address is
//	                            $NAME, its log NAME.log. Unless FLAGS say --allow-origin it may reach 127.0.0.0/8
//	                            With --tls-cert among FLAGS it speaks https
//	ca DIR                      make a CA, DIR/ca.pem, and what it signed for 127.0.0.1, DIR/cert.pem and DIR/key.pem
//	end [-9] NAME               end it by SIGTERM, and want exit status 0; or kill it
//	waitfor exists|gone GLOB…   wait until each GLOB names a file, or none does
//	waitfor count N GLOB        wait until GLOB names N files
//	waitfor text REGEXP GLOB    wait until a file that GLOB names holds REGEXP
//	waitfor size N GLOB         wait until a file that GLOB names has N bytes or more
//	waitfor status CODE URL     wait until URL is answered so
//	keep NAME                   set $NAME to what the last command printed
//	mkfile FILE SIZE            make FILE of SIZE bytes, different for each name and size
//	smalldisk DIR SIZE          mount a tmpfs of SIZE at DIR (as root)
//	readonly DIR AT             mount DIR read-only at AT, where the condition [mount] holds
//	relay NAME URL N            make $NAME a line to URL: the first answer of more than N bytes stands still after them
//	relay held|cut NAME         wait until one does, or break it off
//	nginx NAME URL              make $NAME an nginx before URL, with the lines of fromcache help proxy for a path
//
// Whatever waits has a deadline, and no script sleeps but to ask again.

func TestMain(m *testing.M) {
	whole := func() {
		os.Exit(run(context.Background(), os.Args, os.Getenv, os.Stdin, os.Stdout, os.Stderr))
	}
	behindShim := func() { os.Exit(shim.Main(os.Args, os.Environ(), secure.TLS)) }
	testscript.Main(leakless{m}, map[string]func(){
		"fromcache":        whole,
		"fromcache-server": whole,
		"curlfromcache":    behindShim,
		"wgetfromcache":    behindShim,
	})
}

// leakless fails when a goroutine outlives the tests: a verb's, or a server's that ran in this process.
type leakless struct{ testscript.TestingM }

func (m leakless) Run() int {
	code := m.TestingM.Run()
	if err := goleak.Find(); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

func TestScripts(t *testing.T) {
	for _, program := range []string{"curl", "wget", "rsync"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Fatalf("%s is not installed; make needs installs it", program)
		}
	}
	testscript.Run(t, testscript.Params{
		Dir:   "testdata",
		Setup: setup,
		Condition: func(cond string) (bool, error) {
			switch cond {
			case "root":
				return os.Getuid() == 0, nil
			case "mount":
				return mayMount(t), nil
			}
			return false, fmt.Errorf("no condition %q", cond)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"origin":    originCmd,
			"serve":     serveCmd,
			"ca":        caCmd,
			"end":       endCmd,
			"waitfor":   waitForCmd,
			"keep":      keepCmd,
			"mkfile":    mkfileCmd,
			"smalldisk": smallDiskCmd,
			"readonly":  readOnlyCmd,
			"relay":     relayCmd,
			"nginx":     nginxCmd(t),
		},
	})
}

// scene is what one script has running.
type scene struct {
	origin  *origin
	servers map[string]*exec.Cmd
	relays  map[string]*relay
}

func setup(env *testscript.Env) error {
	sc := &scene{servers: map[string]*exec.Cmd{}, relays: map[string]*relay{}}
	env.Values[sceneKey{}] = sc
	env.Setenv("FROMCACHE_LOOPBACK", "1") // the shim asks about loopback origins
	env.Setenv("HOME", env.WorkDir)       // wget wants to write its hsts file
	env.Setenv("NO_PROXY", "*")
	env.Defer(func() {
		for _, c := range sc.servers {
			c.Process.Kill() //nolint:errcheck // it may have ended
			c.Wait()         //nolint:errcheck // it was killed
		}
		if sc.origin != nil {
			sc.origin.close()
		}
	})
	return os.Mkdir(filepath.Join(env.WorkDir, "origin"), 0o755)
}

type sceneKey struct{}

func sceneOf(ts *testscript.TestScript) *scene { return ts.Value(sceneKey{}).(*scene) }

const patience = 30 * time.Second

// eventually asks until it is so, and ends the script when it never is.
func eventually(ts *testscript.TestScript, what string, so func() bool) {
	for end := time.Now().Add(patience); !so(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			tree, _ := exec.Command("sh", "-c", `cd "$0" && find . -path ./origin -prune -o -type f -print | sort | head -n 100; tail -n 30 *.log`, ts.MkAbs(".")).CombinedOutput()
			ts.Fatalf("waited %v for %s; there is:\n%s", patience, what, tree)
		}
	}
}

func serveCmd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: serve NAME [FLAGS…]")
	}
	name, flags := args[0], args[1:]
	all := []string{"serve", "--host", "127.0.0.1", "--port", "0", "--min-free", "0"}
	if !slices.Contains(flags, "--allow-origin") {
		all = append(all, "--allow-origin", "127.0.0.0/8")
	}
	if !slices.Contains(flags, "--data-dir") {
		all = append(all, "--data-dir", "data")
	}
	c := exec.Command(program(ts, "fromcache"), append(all, flags...)...)
	c.Dir = ts.MkAbs(".")
	c.Env = []string{"PATH=" + ts.Getenv("PATH"), "HOME=" + ts.Getenv("HOME"), "TMPDIR=" + ts.Getenv("TMPDIR")}
	for _, passed := range []string{"FROMCACHE_ADMIN_PASSWORD", "FROMCACHE_ADMIN_PASSWORD_FILE", "GOCOVERDIR", "HTTP_PROXY"} {
		if v := ts.Getenv(passed); v != "" {
			c.Env = append(c.Env, passed+"="+v)
		}
	}
	logPath := ts.MkAbs(name + ".log")
	log, err := os.Create(logPath)
	ts.Check(err)
	defer log.Close()
	c.Stderr = log
	ts.Check(c.Start())
	sceneOf(ts).servers[name] = c
	listening := regexp.MustCompile(`msg=serving addr=(\S+)`)
	var addr string
	eventually(ts, name+" to listen", func() bool {
		said, err := os.ReadFile(logPath)
		ts.Check(err)
		m := listening.FindSubmatch(said)
		if m == nil {
			return false
		}
		addr = string(m[1])
		return true
	})
	url, client := "http://"+addr, http.DefaultClient
	if slices.Contains(flags, "--tls-cert") {
		url, client = "https://"+addr, anyCertificate()
	}
	ts.Setenv(name, url)
	eventually(ts, name+" to be well", func() bool {
		answer, err := client.Get(url + "/healthz")
		if err != nil {
			return false
		}
		answer.Body.Close()
		return answer.StatusCode == http.StatusOK
	})
}

// program finds what the script would run.
func program(ts *testscript.TestScript, name string) string {
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
		if info, err := os.Stat(filepath.Join(dir, name)); err == nil && !info.IsDir() {
			return filepath.Join(dir, name)
		}
	}
	ts.Fatalf("%s is not on the PATH", name)
	return ""
}

func endCmd(ts *testscript.TestScript, neg bool, args []string) {
	kill := len(args) == 2 && args[0] == "-9"
	if kill {
		args = args[1:]
	}
	if neg || len(args) != 1 || sceneOf(ts).servers[args[0]] == nil {
		ts.Fatalf("usage: end [-9] NAME")
	}
	c := sceneOf(ts).servers[args[0]]
	delete(sceneOf(ts).servers, args[0])
	if kill {
		ts.Check(c.Process.Kill())
		c.Wait() //nolint:errcheck // it was killed
		return
	}
	ts.Check(c.Process.Signal(syscall.SIGTERM))
	if err := c.Wait(); err != nil {
		ts.Fatalf("%s ended with %v:\n%s", args[0], err, ts.ReadFile(args[0]+".log"))
	}
}

func waitForCmd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: waitfor exists|gone|count|text|size|status …")
	}
	named := func(glob string) []string {
		found, err := filepath.Glob(ts.MkAbs(glob))
		ts.Check(err)
		return found
	}
	what := strings.Join(args, " ")
	switch args[0] {
	case "exists", "gone":
		for _, glob := range args[1:] {
			eventually(ts, what, func() bool { return len(named(glob)) > 0 == (args[0] == "exists") })
		}
	case "count":
		n, err := strconv.Atoi(args[1])
		ts.Check(err)
		eventually(ts, what, func() bool { return len(named(args[2])) == n })
	case "text":
		want := regexp.MustCompile("(?m)" + args[1])
		eventually(ts, what, func() bool {
			return slices.ContainsFunc(named(args[2]), func(path string) bool {
				b, err := os.ReadFile(path)
				return err == nil && want.Match(b)
			})
		})
	case "size":
		n, err := strconv.ParseInt(args[1], 10, 64)
		ts.Check(err)
		eventually(ts, what, func() bool {
			return slices.ContainsFunc(named(args[2]), func(path string) bool {
				info, err := os.Stat(path)
				return err == nil && info.Size() >= n
			})
		})
	case "status":
		eventually(ts, what, func() bool {
			answer, err := http.Get(args[2])
			if err != nil {
				return false
			}
			answer.Body.Close()
			return strconv.Itoa(answer.StatusCode) == args[1]
		})
	default:
		ts.Fatalf("waitfor %s?", args[0])
	}
}

func keepCmd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: keep NAME")
	}
	ts.Setenv(args[0], strings.TrimSpace(ts.ReadFile("stdout")))
}

func mkfileCmd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: mkfile FILE SIZE")
	}
	var n size
	ts.Check(n.Set(args[1]))
	var seed [32]byte
	copy(seed[:], args[0]+" "+args[1])
	f, err := os.Create(ts.MkAbs(args[0]))
	ts.Check(err)
	defer f.Close()
	_, err = io.CopyN(f, rand.NewChaCha8(seed), int64(n))
	ts.Check(err)
}

func smallDiskCmd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: smalldisk DIR SIZE")
	}
	var n size
	ts.Check(n.Set(args[1]))
	dir := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(dir, 0o755))
	ts.Check(syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d", n)))
	ts.Defer(func() {
		syscall.Unmount(dir, syscall.MNT_DETACH) //nolint:errcheck // the work directory's removal would tell
	})
}

// mayMount reports whether this process can mount file systems: root in a container often can't.
func mayMount(t *testing.T) bool {
	dir := t.TempDir()
	if syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64k") != nil {
		return false
	}
	return syscall.Unmount(dir, syscall.MNT_DETACH) == nil
}

func readOnlyCmd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: readonly DIR AT")
	}
	from, at := ts.MkAbs(args[0]), ts.MkAbs(args[1])
	ts.Check(os.MkdirAll(at, 0o755))
	ts.Check(syscall.Mount(from, at, "", syscall.MS_BIND, ""))
	ts.Defer(func() {
		syscall.Unmount(at, syscall.MNT_DETACH) //nolint:errcheck // the work directory's removal would tell
	})
	ts.Check(syscall.Mount("", at, "", syscall.MS_REMOUNT|syscall.MS_BIND|syscall.MS_RDONLY, ""))
}
