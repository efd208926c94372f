package torture

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"fromcache/cmd/fromcache-torture/judge"
	"fromcache/fsstore"
)

// flow is one way through the tree, by a verb or by a server. It can be broken
// off anywhere, and be finished by whoever comes next.
type flow struct {
	name    string
	flags   []string // of a server
	prepare func(l *lab)
	verb    func(l *lab) []string        // nil: a server
	ack     func(l *lab, out string)     // what a verb's output, or a server's tree, acknowledges
	drive   func(l *lab, s *server)      // what is asked of the server; may be nil
	over    func(l *lab, s *server) bool // whether the server has come to the end
}

const (
	one   = "/3000/one.bin"
	two   = "/200000/two.bin"
	newer = "/new/100000/newer.bin"
	slow  = "/slow/160000/slow.bin"

	oldToken, newToken = "?AWSAccessKeyId=k&Expires=1&Signature=old", "?AWSAccessKeyId=k&Expires=2&Signature=new" // signatures, which the origin does not look at
)

func (l *lab) key(path string) string { return judge.KeyOf(l.p.origin.URL + path) }

func (l *lab) miss(path string) {
	_, err := l.open().NoteMiss(l.url(path), fsstore.Asker{Addr: "10.0.0.7", UserAgent: "curl/8"})
	l.row.must(err)
}

// missSigned notes a miss by a URL with a signature, which its key does not have.
func (l *lab) missSigned(path string) {
	_, err := l.open().NoteMiss(l.p.origin.URL+path, fsstore.Asker{Addr: "10.0.0.7", UserAgent: "curl/8"})
	l.row.must(err)
}

// move is the shell's mv, below data/.
func (l *lab) move(from, to string) {
	list, err := filepath.Glob(l.data + "/" + from)
	if err != nil || len(list) != 1 {
		l.row.Fatal(from, " matches ", list)
	}
	l.row.must(os.Rename(list[0], l.data+"/"+to))
}

func (l *lab) write(name, text string) {
	l.row.must(os.WriteFile(l.data+"/"+name, []byte(text), 0o660))
}

// saying runs do when the output holds word.
func saying(word string, do func(l *lab)) func(*lab, string) {
	return func(l *lab, out string) {
		if strings.Contains(out, word) {
			do(l)
		}
	}
}

func queued(path string) func(*lab) {
	return func(l *lab) { l.known.Queued = append(l.known.Queued, l.url(path)) }
}

// fetches: the job of a path is acknowledged to be fetched with this query.
func fetches(path, query string) func(*lab) {
	return func(l *lab) {
		queued(path)(l)
		j, err := l.open().JobFile(fsstore.Queue, l.key(path)+".job")
		if want := l.p.origin.URL + path + query; err != nil || j.Job.FetchURL() != want {
			l.files = append(l.files, "a job that fetches "+want)
		}
	}
}

func held(path string) func(*lab) {
	return func(l *lab) { l.known.Held = append(l.known.Held, l.url(path)) }
}

func file(name, path string) func(*lab) {
	return func(l *lab) { l.files = append(l.files, fmt.Sprintf(name, l.key(path))) }
}

// isDone: a job of the path is in done/ and nothing is under way.
func isDone(path string) func(*lab, *server) bool {
	return func(l *lab, _ *server) bool {
		return l.exists("done/"+l.key(path)+".job") && !l.exists("active/*") && !l.exists("queue/*")
	}
}

func verb(words ...string) func(*lab) []string {
	return func(l *lab) []string {
		args := append([]string(nil), words...)
		for i, w := range args {
			if strings.HasPrefix(w, "/") {
				args[i] = l.p.origin.URL + w
			}
			if w == "KEY" {
				args[i] = l.key(one)
			}
			if w == "FILE" {
				args[i] = l.root + "/file"
			}
		}
		return args
	}
}

var verbFlows = []flow{
	{name: "approve", prepare: func(l *lab) { l.miss(one) }, verb: verb("approve", "KEY"), ack: saying("approved ", queued(one))},
	{name: "add", prepare: func(l *lab) { l.open(); l.url(one) }, verb: verb("add", one), ack: saying("queued ", queued(one))},
	{name: "add of a miss", prepare: func(l *lab) { l.miss(one) }, verb: verb("add", "--accept", "any", one), ack: saying("queued ", queued(one))},
	{name: "add, other signature", prepare: func(l *lab) { l.missSigned(one + oldToken) }, verb: verb("add", one+newToken), ack: saying("queued ", fetches(one, newToken))},
	{name: "add, to one that waits", prepare: func(l *lab) { l.add(l.url(one)) }, verb: verb("add", one+newToken), ack: saying("queued ", fetches(one, newToken))},
	{name: "put", prepare: func(l *lab) { l.open(); l.url(two); l.beside(two) }, verb: verb("put", "--min-free", "0", two, "FILE"), ack: saying("held ", held(two))},
	{name: "put over", prepare: func(l *lab) { l.hold(two); l.beside(two) }, verb: verb("put", "--min-free", "0", two, "FILE")},
	{name: "evict", prepare: func(l *lab) { l.hold(one); l.known.Held = nil }, verb: verb("evict", "KEY"),
		ack: saying("evicted ", func(l *lab) { l.known.Evicted = append(l.known.Evicted, l.url(one)) })},
	{name: "gc", prepare: func(l *lab) {
		l.hold(one)
		a := l.hold(two)
		l.known.Held = l.known.Held[:1]
		l.row.must(l.open().Evict(a.Key, by))
		b := l.hold("/400/three.bin")
		l.write("tmp/"+b.SHA256+".gone", string(body("/400/three.bin", 0))) // it was taken out once, and fetched again
		l.write("tmp/"+strings.Repeat("ab", 32)+".gone", "old")
		l.known.Held = l.known.Held[:1]
	}, verb: verb("gc", "--older", "1ns")},
	{name: "cancel", prepare: func(l *lab) { l.add(l.url(one)); l.known.Queued = nil }, verb: verb("cancel", "KEY"), ack: saying("cancelled ", file("cancelled/%s.job", one))},
	{name: "retry", prepare: func(l *lab) { l.add(l.url(one)); l.move("queue/*", "failed/"+l.key(one)+".job") }, verb: verb("retry", "KEY"), ack: saying("queued ", queued(one))},
	{name: "deny", prepare: func(l *lab) { l.miss(one) }, verb: verb("deny", "KEY"), ack: saying("denied ", file("denied/%s", one))},
	{name: "fsck", prepare: func(l *lab) {
		l.hold(one)
		a := l.fetched(two)
		l.known.Held = l.known.Held[:1]
		os.Chmod(l.data+"/blobs/"+a.SHA256, 0o644)
		l.write("blobs/"+a.SHA256, "rotten")
		l.rot = true
	}, verb: verb("fsck", "--repair"), ack: saying("repaired: blobs/", file("tmp/*.rotten%.0s", two))},
}

// beside writes a file of a path's bytes next to the data directory.
func (l *lab) beside(path string) {
	l.row.must(os.WriteFile(l.root+"/file", body(path, 0), 0o600))
}

var serveFlows = []flow{
	{name: "begin", prepare: func(l *lab) {}, over: func(l *lab, s *server) bool { return true }},
	{name: "fetch", prepare: func(l *lab) { l.add(l.url(two)) }, over: isDone(two)},
	{name: "fetch again", prepare: func(l *lab) { l.hold(newer); l.move("done/*", "queue/"+l.key(newer)+".job") }, over: isDone(newer)},
	{name: "unchanged", prepare: func(l *lab) { l.hold(one); l.move("done/*", "queue/"+l.key(one)+".job") }, over: isDone(one)},
	{name: "resume", prepare: func(l *lab) { l.half(two) }, over: isDone(two)},
	{name: "orphan", prepare: func(l *lab) { l.half(two); l.move("queue/*", "active/"+l.key(two)+"@00112233445566ff.job") }, over: isDone(two)},
	{name: "orphan that was committed", prepare: func(l *lab) {
		a := l.hold(one)
		l.move("done/*", "active/"+a.Key+"@"+a.Claim+".job")
	}, over: isDone(one)},
	{name: "two jobs of a key", prepare: func(l *lab) {
		l.add(l.url(one))
		b, _ := os.ReadFile(l.data + "/queue/" + l.key(one) + ".job")
		l.write("queue/"+l.key(one)+".2.job", string(b))
	}, over: isDone(one)},
	{name: "mv", prepare: func(l *lab) { l.miss(one) }, drive: func(l *lab, s *server) {
		l.move("misses/*", "queue/"+l.key(one))
		queued(one)(l)
	}, over: isDone(one)},
	{name: "miss and approve", prepare: func(l *lab) { l.open(); l.url(one) }, drive: func(l *lab, s *server) {
		s.get(l.url(one))
		if code, err := s.post("/admin/approve", "key", l.key(one)); err == nil && code == 303 {
			queued(one)(l)
		}
	}, over: isDone(one)},
	{name: "cancel what runs", prepare: func(l *lab) { l.add(l.url(slow)); l.known.Queued = nil }, drive: func(l *lab, s *server) {
		for !s.Dead() && !l.exists("tmp/*.part") && !waitedLong(l) {
			time.Sleep(time.Millisecond)
		}
		k := l.key(slow)
		if code, err := s.post("/admin/cancel", "id", k); err == nil && code == 303 && !l.exists("meta/*") {
			l.files = append(l.files, "cancelled/"+k+"*.job")
		}
	}, over: func(l *lab, s *server) bool {
		return l.exists("cancelled/"+l.key(slow)+".job") && !l.exists("active/*")
	}},
	{name: "batch", prepare: func(l *lab) {
		l.open()
		text := ""
		for i := range 3 {
			path := fmt.Sprintf("/500/batch-%d.bin", i)
			text += l.url(path) + "\n"
			queued(path)(l)
		}
		l.write("queue/list.job", text)
		l.known.Extra = 1
	}, over: func(l *lab, s *server) bool {
		return l.exists("done/*batch-2.bin*") && !l.exists("active/*") && !l.exists("queue/*")
	}},
}

// waitedLong gives a drive up whose server was made deaf by an injected error.
func waitedLong(l *lab) bool {
	info, err := os.Stat(l.root)
	return err != nil || time.Since(info.ModTime()) > 3*time.Second
}

// scrubFlow: a blob rots, and the scrub of a server takes it out of service.
// Broken off anywhere, fsck either finds the rotten blob or a meta that has none.
var scrubFlow = flow{
	name:    "scrub",
	flags:   []string{"--scrub-rate", "1GiB"},
	prepare: func(l *lab) { l.spoil(one) },
	over: func(l *lab, s *server) bool {
		return l.exists("tmp/*.rotten") && !l.exists("blobs/"+digest(body(one, 0)))
	},
}

// spoil makes a path held by way of a download, and its blob rotten.
func (l *lab) spoil(path string) {
	blob := "blobs/" + l.fetched(path).SHA256
	os.Chmod(l.data+"/"+blob, 0o644)
	l.write(blob, "rotten")
	l.rot = true
}
