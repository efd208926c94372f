package fetch

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"fromcache/fsstore"
	"fromcache/fsstore/key"
)

var schedules = flag.Int("schedules", 300, "random schedules of cuts and resumes")

// half is where the first answer of these tests breaks off.
const half = 150_000

// cutThen serves the first half of body, then as second says.
func cutThen(etag string, second func(*wire)) func(*wire) {
	return func(w *wire) {
		if w.n == 0 {
			w.honest(body, etag, half)
			return
		}
		second(w)
	}
}

// part answers any range request with bytes first-last/total of b.
func part(b []byte, contentRange string, fields ...string) func(*wire) {
	return func(w *wire) {
		if w.from() < 0 {
			w.honest(body, `"a"`, -1)
			return
		}
		fields := append(fields, fmt.Sprintf("Content-Length: %d", len(b)))
		if contentRange != "" {
			fields = append(fields, "Content-Range: "+contentRange)
		}
		w.say("206 Partial Content", fields, b)
	}
}

// chunked206 answers the first range request with b, in chunks, and others well.
func chunked206(b []byte) func(*wire) {
	return func(w *wire) {
		if w.n > 1 {
			w.honest(body, `"a"`, -1)
			return
		}
		w.say("206 Partial Content", []string{"Transfer-Encoding: chunked", "Content-Range: bytes 150000-299999/300000", `ETag: "a"`},
			fmt.Appendf(nil, "%x\r\n%s\r\n0\r\n\r\n", len(b), b))
	}
}

func TestResume(t *testing.T) {
	tail := body[half:]
	a := `ETag: "a"`
	for _, b := range []struct {
		name    string
		etag    string
		second  func(*wire)
		want    []byte
		resumed bool // only the tail was sent
		tries   int
	}{
		{"strong", `"a"`, func(w *wire) { w.honest(body, `"a"`, -1) }, body, true, 2},
		{"strong, in three", `"a"`, func(w *wire) { w.honest(body, `"a"`, map[int]int{1: 50_000}[w.n]-btoi(w.n != 1)) }, body, true, 3},
		{"weak", `W/"a"`, func(w *wire) { w.honest(body, `W/"a"`, -1) }, body, false, 2},
		{"no validator", ``, func(w *wire) { w.honest(body, ``, -1) }, body, false, 2},
		{"a validator without quotes", `a`, func(w *wire) { w.honest(body, `a`, -1) }, body, false, 2},
		{"changed", `"a"`, func(w *wire) { w.honest(other, `"b"`, -1) }, other, false, 2},
		{"changed, and shorter", `"a"`, func(w *wire) { w.honest(other[:1000], `"b"`, -1) }, other[:1000], false, 2},
		{"ranges ignored", `"a"`, func(w *wire) { w.ok(body, a) }, body, false, 2},
		{"206 of another start", `"a"`, part(tail[1:], "bytes 150001-299999/300000", a), body, false, 3},
		{"206 of the beginning", `"a"`, part(body, "bytes 0-299999/300000", a), body, false, 3},
		{"206 of another size", `"a"`, part(tail, "bytes 150000-299999/300001", a), body, false, 3},
		{"206 of a longer file", `"a"`, part(append(tail[:150000:150000], 1), "bytes 150000-300000/300001", a), body, false, 3},
		{"206 in chunks, short", `"a"`, chunked206(tail[:70_000]), body, false, 3},
		{"206 in chunks, long", `"a"`, chunked206(append(tail[:150000:150000], 1)), body, false, 3},
		{"206 of unknown size", `"a"`, part(tail, "bytes 150000-299999/*", a), body, false, 3},
		{"206 that ends early", `"a"`, part(tail[:9], "bytes 150000-150008/300000", a), body, false, 3},
		{"206 that is longer than it says", `"a"`, part(append(tail[:150000:150000], 1), "bytes 150000-299999/300000", a), body, false, 3},
		{"206 without Content-Range", `"a"`, part(tail, "", a), body, false, 3},
		{"206 with two", `"a"`, part(tail, "bytes 150000-299999/300000\r\nContent-Range: bytes 0-1/2", a), body, false, 3},
		{"206 in pages", `"a"`, part(tail, "pages 150000-299999/300000", a), body, false, 3},
		{"206 garbled", `"a"`, part(tail, "bytes 150000-299999/99999999999999999999", a), body, false, 3},
		{"206 of another version", `"a"`, part(other[half:], "bytes 150000-299999/300000", `ETag: "b"`), body, false, 3},
		{"206 of a weak version", `"a"`, part(tail, "bytes 150000-299999/300000", `ETag: W/"a"`), body, false, 3},
		{"206 of no version", `"a"`, part(tail, "bytes 150000-299999/300000"), body, false, 3},
		{"multipart", `"a"`, part([]byte("--x\r\n"), "bytes 150000-299999/300000", a, "Content-Type: multipart/byteranges; boundary=x"), body, false, 3},
		{"200 that says it is a piece", `"a"`, func(w *wire) {
			if from := w.from(); from >= 0 {
				w.ok(body[from:], a, fmt.Sprintf("Content-Range: bytes %d-299999/300000", from))
				return
			}
			w.ok(body, a)
		}, body, false, 3},
		{"200 that says it is all", `"a"`, func(w *wire) { w.ok(body, a, "Content-Range: bytes 0-299999/300000") }, body, false, 2},
		{"by the time", "", func(w *wire) { w.dated(body, long, "", -1) }, body, true, 2},
		{"by the time, in three", "", func(w *wire) { w.dated(body, long, "", map[int]int{1: 50_000}[w.n]-btoi(w.n != 1)) }, body, true, 3},
		{"by the time, changed", "", func(w *wire) { w.dated(other, "Tue, 03 Jan 2006 15:04:05 GMT", "", -1) }, other, false, 2},
		{"by the time, ranges whatever has changed", "", func(w *wire) {
			if from := w.from(); from >= 0 {
				w.say("206 Partial Content", []string{"Last-Modified: Tue, 03 Jan 2006 15:04:05 GMT", "Content-Length: 150000", "Content-Range: bytes 150000-299999/300000"}, other[from:])
				return
			}
			w.dated(other, "Tue, 03 Jan 2006 15:04:05 GMT", "", -1)
		}, other, false, 3},
		{"by the time, the piece has none", "", part(tail, "bytes 150000-299999/300000"), body, false, 3},
		{"by the time, the piece has a tag", "", part(tail, "bytes 150000-299999/300000", "Last-Modified: "+long, a), body, false, 3},
		{"416", `"a"`, func(w *wire) {
			if w.from() >= 0 {
				w.say("416 Range Not Satisfiable", []string{"Content-Length: 0"}, nil)
				return
			}
			w.ok(body)
		}, body, false, 3},
	} {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			o := newLying(t, cutThen(b.etag, b.second))
			if strings.HasPrefix(b.name, "by the time") {
				o = newLying(t, datedThen(long, "", b.second))
			}
			l := newLab(t, Options{})
			st, reason := l.fetch(fsstore.Addition{URL: o.url + "/f.run"})
			if st != fsstore.Done || !bytes.Equal(l.held(o.url+"/f.run"), b.want) {
				t.Errorf("%s: %s", st, reason)
			}
			seen := o.requests()
			if len(seen) != b.tries {
				t.Errorf("%d requests, want %d", len(seen), b.tries)
			}
			last := seen[len(seen)-1].Header
			if resumed := last.Get("Range") != "" && b.resumed; resumed != b.resumed {
				t.Errorf("the last request was %v", last)
			}
			if seen[1].Header.Get("Range") != "" && seen[1].Header.Get("If-Range") != map[bool]string{true: `"a"`, false: long}[b.etag != ""] {
				t.Errorf("a range without If-Range: %v", seen[1].Header)
			}
			if long := b.name == "206 in chunks, long"; long && !strings.Contains(l.log.String(), "more bytes than it had promised") {
				t.Error("it was not cut off: ", l.log)
			}
			l.fsck()
		})
	}
}

// long is a time of change that lies long before any answer.
const long = "Mon, 02 Jan 2006 15:04:05 GMT"

// dated is honest without an ETag: now, plus what fields say, is the time of the answer.
func (w *wire) dated(b []byte, modified, etag string, cut int, fields ...string) {
	fields = append(fields, "Last-Modified: "+modified)
	if !strings.Contains(strings.Join(fields, ","), "Date:") {
		fields = append(fields, "Date: "+time.Now().UTC().Format(http.TimeFormat))
	}
	if etag != "" {
		fields = append(fields, "ETag: "+etag)
	}
	from, status, size := w.from(), "200 OK", len(b)
	if from >= 0 && w.req.Header.Get("If-Range") == modified {
		status = "206 Partial Content"
		fields = append(fields, fmt.Sprintf("Content-Range: bytes %d-%d/%d", from, size-1, size))
		b = b[from:]
	}
	fields = append(fields, fmt.Sprintf("Content-Length: %d", len(b)))
	if cut >= 0 && cut < len(b) {
		b = b[:cut]
	}
	w.say(status, fields, b)
}

// datedThen serves the first half of body, then as second says.
func datedThen(modified, etag string, second func(*wire), fields ...string) func(*wire) {
	return func(w *wire) {
		if w.n == 0 {
			w.dated(body, modified, etag, half, fields...)
			return
		}
		second(w)
	}
}

// TestResumeByTime: a time of change is a validator only where RFC 9110 has it so: the answer came later by more than clocks
// differ, and there is no ETag of any kind.
func TestResumeByTime(t *testing.T) {
	date := func(d time.Duration) string {
		at, _ := http.ParseTime(long)
		return "Date: " + at.Add(d).Format(http.TimeFormat)
	}
	for _, c := range []struct {
		name, modified, etag, field string
		resumed                     bool
	}{
		{"long ago", long, "", date(time.Hour), true},
		{"a minute ago", long, "", date(time.Minute), true},
		{"just now", long, "", date(0), false},
		{"a second ago", long, "", date(time.Second), false},
		{"to come", long, "", date(-time.Hour), false},
		{"no date", long, "", "X-No-Date: x", false},
		{"a weak tag", long, `W/"a"`, date(time.Hour), false},
		{"a tag without quotes", long, `a`, date(time.Hour), true},
		{"no time", "yesterday", "", date(time.Hour), false},
	} {
		o := newLying(t, datedThen(c.modified, c.etag, func(w *wire) { w.dated(body, c.modified, c.etag, -1) }, c.field))
		if c.name == "no date" {
			o = newLying(t, func(w *wire) {
				if w.n == 0 {
					w.say("200 OK", []string{"Last-Modified: " + long, length}, body[:half])
					return
				}
				w.dated(body, long, "", -1)
			})
		}
		l := newLab(t, Options{})
		if st, reason := l.fetch(fsstore.Addition{URL: o.url + "/f.run"}); st != fsstore.Done || !bytes.Equal(l.held(o.url+"/f.run"), body) {
			t.Errorf("%s: %s: %s", c.name, st, reason)
		}
		if resumed := o.requests()[1].Header.Get("Range") != ""; resumed != c.resumed {
			t.Errorf("%s: resumed: %v", c.name, resumed)
		}
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// A digest of the whole is checked after a resume too, from the part.
func TestResumeDigest(t *testing.T) {
	for field, want := range map[string]fsstore.State{
		"Repr-Digest: sha-512=:" + b64(sum512(body)) + ":":     fsstore.Done,
		"Repr-Digest: sha-512=:" + b64(sum512(other)) + ":":    fsstore.Failed,
		"x-goog-hash: crc32c=" + b64(sumCRC(body)):             fsstore.Done,
		"x-goog-hash: crc32c=" + b64(sumCRC(other)):            fsstore.Failed,
		"Content-Digest: md5=:" + b64(sumMD5(other)) + ":":     fsstore.Done, // of the piece only
		"Content-MD5: " + b64(sumMD5(other)):                   fsstore.Done,
		"Content-Digest: sha-256=:" + b64(sum256(other)) + ":": fsstore.Done,
	} {
		o := newLying(t, cutThen(`"a"`, func(w *wire) { w.honest(body, `"a"`, -1, field) }))
		l := newLab(t, Options{})
		if st, reason := l.fetch(fsstore.Addition{URL: o.url + "/f.run"}); st != want {
			t.Errorf("%s: %s: %s", field, st, reason)
		}
		if l.parts() > 0 {
			t.Errorf("%s: a part is left", field)
		}
	}
}

// TestResumeJoined: where an origin changed a file and kept its ETag, what two versions make is found out, and the whole fetched.
func TestResumeJoined(t *testing.T) {
	field := "Repr-Digest: sha-256=:" + b64(sum256(other)) + ":"
	for _, more := range []fsstore.Addition{{}, {SHA256: fmt.Sprintf("%x", sum256(other))}} {
		o := newLying(t, cutThen(`"a"`, func(w *wire) { w.honest(other, `"a"`, -1, field) }))
		l := newLab(t, Options{})
		more.URL = o.url + "/f.run"
		if st, reason := l.fetch(more); st != fsstore.Done || !bytes.Equal(l.held(more.URL), other) || len(o.requests()) != 3 {
			t.Errorf("%q: %s: %s, %d requests", more.SHA256, st, reason, len(o.requests()))
		}
	}
}

// left makes what a server leaves that was killed: a part with b in it, and a start line.
func left(l *lab, url string, b []byte, s fsstore.Started) (k string) {
	l.t.Helper()
	k = l.add(fsstore.Addition{URL: url})
	c, err := l.s.Claim(k + ".job")
	if err != nil || c == nil {
		l.t.Fatal(c, err)
	}
	p, err := c.Part(l.t.Context(), false)
	if err != nil {
		l.t.Fatal(err)
	}
	c.Start(s)
	p.Write(b)
	if err := c.Requeue("killed"); err != nil {
		l.t.Fatal(err)
	}
	return k
}

// What a killed server left is gone on with only on the word of its start line. A part that was whole already is not fetched
// again: its last byte proves it.
func TestResumeLeft(t *testing.T) {
	for _, c := range []struct {
		name  string
		part  []byte
		start fsstore.Started
		asked string // the Range of the first request
	}{
		{"half", body[:half], fsstore.Started{Size: 300_000, ETag: `"a"`}, "bytes=150000-"},
		{"whole", body, fsstore.Started{Size: 300_000, ETag: `"a"`}, "bytes=299999-"},
		{"all but one", body[:299_999], fsstore.Started{Size: 300_000, ETag: `"a"`}, "bytes=299999-"},
		{"too much", append(body[:300_000:300_000], 1, 2, 3), fsstore.Started{Size: 300_000, ETag: `"a"`}, ""},
		{"by the time", body[:half], fsstore.Started{Size: 300_000, Modified: time.Date(2006, 1, 2, 15, 4, 5, 0, time.UTC)}, "bytes=150000-"},
		{"weak", body[:half], fsstore.Started{Size: 300_000, ETag: `W/"a"`}, ""},
		{"no validator", body[:half], fsstore.Started{Size: 300_000}, ""},
		{"no size", body[:half], fsstore.Started{Size: -1, ETag: `"a"`}, ""},
		{"nothing", nil, fsstore.Started{Size: 300_000, ETag: `"a"`}, ""},
		{"another version", other[:half], fsstore.Started{Size: 300_000, ETag: `"b"`}, "bytes=150000-"},
		{"another size", body[:half], fsstore.Started{Size: 200_000, ETag: `"a"`}, "bytes=150000-"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			o := newLying(t, func(w *wire) { w.honest(body, `"a"`, -1) })
			l := newLab(t, Options{})
			k := left(l, o.url+"/f.run", c.part, c.start)
			l.drive()
			if st, reason := l.state(k); st != fsstore.Done || !bytes.Equal(l.held(o.url+"/f.run"), body) {
				t.Errorf("%s: %s", st, reason)
			}
			if seen := o.requests(); len(seen) > 2 || seen[0].Header.Get("Range") != c.asked {
				t.Errorf("%d requests, the first for %q", len(seen), seen[0].Header.Get("Range"))
			}
			if list, _ := l.s.Jobs(fsstore.Done); len(list) != 1 || len(list[0].Job.Events) == 0 {
				t.Error("no history")
			} else if e, ok := list[0].Job.Newest("error"); ok {
				t.Errorf("it took a second attempt: %s", e.Text)
			}
			if l.parts() > 0 {
				t.Error("a part is left")
			}
		})
	}
}

// A part that could not be published is not gone on with: of what the disk took
// nobody knows.
func TestNoResumeAfterAFailedPublish(t *testing.T) {
	l := newLab(t, Options{})
	blobs := filepath.Join(l.dir, "blobs")
	o := newLying(t, func(w *wire) {
		if w.n == 0 {
			os.Rename(blobs, l.dir+"-blobs")
		}
		w.honest(body, `"a"`, -1)
	})
	k := l.add(fsstore.Addition{URL: o.url + "/f.run"})
	l.step()
	if err := os.Rename(l.dir+"-blobs", blobs); err != nil {
		t.Fatal(err)
	}
	if st, reason := l.state(k); st != fsstore.Queue || l.parts() > 0 {
		t.Errorf("%s: %s; %d parts", st, reason, l.parts())
	}
	l.drive()
	if seen := o.requests(); len(seen) != 2 || seen[1].Header.Get("Range") != "" || !bytes.Equal(l.held(o.url+"/f.run"), body) {
		t.Errorf("%d requests, the last with %v", len(seen), seen[len(seen)-1].Header)
	}
}

// What is too large by its header is refused before a byte of it is kept.
func TestTooLargeAtOnce(t *testing.T) {
	o := newLying(t, func(w *wire) { w.ok(body, `ETag: "a"`) })
	l := newLab(t, Options{MaxSize: 1000})
	l.fetch(fsstore.Addition{URL: o.url + "/f.run"})
	list, _ := l.s.Jobs(fsstore.Failed)
	if len(list) != 1 {
		t.Fatal(len(list))
	}
	if _, ok := list[0].Job.Newest("start"); ok {
		t.Error("it was begun")
	}
}

// What is held is asked for only if it has changed.
func TestConditional(t *testing.T) {
	version := atomic.Int32{}
	version.Store(1)
	o := newLying(t, func(w *wire) {
		switch version.Load() {
		case 1:
			w.honest(body, `"a"`, -1)
		case 2:
			w.honest(other, `"b"`, -1)
		case 3:
			w.say("304 Not Modified", []string{`ETag: "z"`}, nil)
		}
	})
	l := newLab(t, Options{})
	add := fsstore.Addition{URL: o.url + "/f.run"}
	for i, want := range []struct {
		version int32
		bytes   []byte
		cond    string
		state   fsstore.State
	}{
		{1, body, "", fsstore.Done},
		{1, body, `"a"`, fsstore.Done},
		{2, other, `"a"`, fsstore.Done},
		{2, other, `"b"`, fsstore.Done},
		{3, other, `"b"`, fsstore.Failed}, // a 304 of another version
	} {
		version.Store(want.version)
		l.s.Clear(fsstore.Operator{Via: "cli"})
		st, reason := l.fetch(add)
		if st != want.state || !bytes.Equal(l.held(add.URL), want.bytes) {
			t.Errorf("%d: %s: %s", i, st, reason)
		}
		if seen := o.requests(); len(seen) != i+1 || seen[i].Header.Get("If-None-Match") != want.cond {
			t.Errorf("%d: condition %q, want %q", i, seen[i].Header.Get("If-None-Match"), want.cond)
		}
		if l.parts() > 0 {
			t.Errorf("%d: a part is left", i)
		}
	}
}

// What an origin says of one URL it does not say of another of the same key: nginx makes an ETag of time and size.
func TestConditionalOfAnotherURL(t *testing.T) {
	o := newLying(t, func(w *wire) {
		b := body
		if w.req.URL.Query().Get("model") == "b" {
			b = other
		}
		w.honest(b, `"6750a1c0-493e0"`, -1)
	})
	l := newLabWith(t, Options{}, fsstore.Options{Rule: key.Drop})
	for i, c := range []struct {
		query, cond string
		bytes       []byte
	}{
		{"model=a&AWSAccessKeyId=k&Signature=old&Expires=1700000000", "", body},
		{"model=b", "", other},
		{"model=b", `"6750a1c0-493e0"`, other},
		{"model=a&AWSAccessKeyId=k&Signature=old&Expires=1700000000", "", body},
		{"model=a&AWSAccessKeyId=k&Signature=new&Expires=1700009999", `"6750a1c0-493e0"`, body},
		{"model=a&token=new", "", body}, // whatever token may be
	} {
		l.s.Clear(fsstore.Operator{Via: "cli"})
		if st, reason := l.fetch(fsstore.Addition{URL: o.url + "/f.run?" + c.query}); st != fsstore.Done || !bytes.Equal(l.held(o.url+"/f.run"), c.bytes) {
			t.Errorf("%d: %s: %s; other bytes are held: %v", i, st, reason, !bytes.Equal(l.held(o.url+"/f.run"), c.bytes))
		}
		if cond := o.requests()[i].Header.Get("If-None-Match"); cond != c.cond {
			t.Errorf("%d: condition %q, want %q", i, cond, c.cond)
		}
	}
}

func TestConditionalByDate(t *testing.T) {
	const date = "Mon, 02 Jan 2006 15:04:05 GMT"
	o := newLying(t, func(w *wire) {
		if w.req.Header.Get("If-Modified-Since") == date {
			w.say("304 Not Modified", nil, nil)
			return
		}
		w.ok(body, "Last-Modified: "+date, `ETag: W/"weak"`)
	})
	l := newLab(t, Options{})
	add := fsstore.Addition{URL: o.url + "/f.run"}
	l.fetch(add)
	if st, reason := l.fetch(add); st != fsstore.Done || len(o.requests()) != 2 || o.requests()[1].Header.Get("If-None-Match") != "" {
		t.Errorf("%s: %s", st, reason)
	}
	add.SHA256 = strings.Repeat("0", 64) // not what is held: a 304 would be no answer
	if st, _ := l.fetch(add); st != fsstore.Failed || o.requests()[2].Header.Get("If-Modified-Since") != "" {
		t.Error("asked under a condition for a digest that is not held")
	}
}

// TestSchedules cuts, resumes and changes versions at random: one version's true bytes, or a clean failure.
func TestSchedules(t *testing.T) {
	n := *schedules
	if testing.Short() {
		n = min(n, 50)
	}
	const lanes = 4
	for lane := range lanes {
		t.Run(fmt.Sprint(lane), func(t *testing.T) {
			t.Parallel()
			s := newSchedule(t)
			for i := lane; i < n; i += lanes {
				s.run(uint64(i))
			}
			s.l.fsck()
		})
	}
}

// schedule is an origin whose next move a seed decides.
type schedule struct {
	t    *testing.T
	l    *lab
	o    *lying
	rand *rand.Rand
	v    int // the version it has now
	lies bool

	dated bool // it has no ETags, but times
}

func newSchedule(t *testing.T) *schedule {
	s := &schedule{t: t, l: newLab(t, Options{Retries: 12})}
	s.o = newLying(t, s.serve)
	return s
}

func (s *schedule) size() int { return 2000 + s.v%3 }

func (s *schedule) version(v int) []byte { s.v = v; return noise(uint64(v), s.size()) }

// serve: cut anywhere, change the version, fail, ignore ranges, answer with the wrong range.
func (s *schedule) serve(w *wire) {
	if s.rand.IntN(6) == 0 {
		s.v++
	}
	b, etag := s.version(s.v), fmt.Sprintf(`"%d"`, s.v)
	at, _ := http.ParseTime(long)
	modified := at.Add(time.Duration(s.v) * time.Second).Format(http.TimeFormat)
	switch r := s.rand.IntN(20); {
	case s.dated && r == 5 && s.lies:
		w.req.Header.Set("If-Range", modified)
		w.dated(b, modified, "", -1)
	case s.dated && r >= 7 && r < 14:
		w.dated(b, modified, "", s.rand.IntN(len(b)+1))
	case s.dated && r >= 14:
		w.dated(b, modified, "", -1)
	case r == 0:
		return
	case r == 1:
		w.say("503 Service Unavailable", []string{"Content-Length: 0"}, nil)
	case r == 2 && s.lies:
		w.say("206 Partial Content", []string{"ETag: " + etag, fmt.Sprintf("Content-Range: bytes 7-%d/%d", len(b)-1, len(b)), fmt.Sprintf("Content-Length: %d", len(b)-7)}, b[7:])
	case r == 3:
		w.req.Header.Del("Range")
		w.honest(b, etag, s.rand.IntN(len(b)+1))
	case r == 4:
		w.honest(b, "W/"+etag, s.rand.IntN(len(b)+1))
	case r == 5 && s.lies: // goes on with another version, under its name
		w.req.Header.Set("If-Range", etag)
		w.honest(b, etag, -1)
	case r == 6:
		w.say("200 OK", []string{"ETag: " + etag, "Transfer-Encoding: chunked"}, fmt.Appendf(nil, "%x\r\n%s\r\n", len(b), b))
	case r < 14:
		w.honest(b, etag, s.rand.IntN(len(b)+1))
	default:
		w.honest(b, etag, -1)
	}
}

func (s *schedule) run(seed uint64) {
	s.rand = rand.New(rand.NewPCG(seed, 1))
	s.v, s.lies, s.dated = int(seed)*100, seed%2 == 0, seed%3 == 0
	url := fmt.Sprintf("%s/%d.run", s.o.url, seed)
	st, reason := s.l.fetch(fsstore.Addition{URL: url})
	got := s.l.held(url)
	switch {
	case st == fsstore.Done:
		for v := int(seed) * 100; v <= s.v; v++ {
			last := s.v
			whole := bytes.Equal(s.version(v), got)
			s.v = last
			if whole {
				return
			}
		}
		s.t.Errorf("schedule %d: the bytes are of no version", seed)
	case st != fsstore.Failed || got != nil || reason == "":
		s.t.Errorf("schedule %d: %s: %q, %d bytes", seed, st, reason, len(got))
	}
}

// An artifact's provenance is in meta, without its signature.
func TestProvenance(t *testing.T) {
	const secret = "0123456789abcdef0123456789abcdef"
	o := newLying(t, func(w *wire) {
		if w.req.URL.Path == "/f.run" {
			w.say("302 Found", []string{"Location: /g.run?X-Amz-Signature=" + secret, "Content-Length: 0"}, nil)
			return
		}
		w.ok(body, `ETag: "a"`, "Content-Type: application/x-run", "Set-Cookie: session="+secret, "Content-Disposition: attachment; filename=g.run", "X-Other: y")
	})
	l := newLab(t, Options{UserAgent: "fromcache/1"})
	url := o.url + "/f.run?token=" + secret
	l.fetch(fsstore.Addition{URL: url})
	a, err := l.s.Lookup(url)
	if err != nil {
		t.Fatal(err)
	}
	if len(a.Redirects) != 1 || !strings.HasSuffix(a.Redirects[0], "/f.run?token=REDACTED") || !strings.HasSuffix(a.FinalURL, "/g.run?X-Amz-Signature=REDACTED") {
		t.Errorf("%q, %q", a.Redirects, a.FinalURL)
	}
	if a.Header["Etag"] != `"a"` || a.Header["Content-Type"] != "application/x-run" || a.Header["Content-Disposition"] == "" || len(a.Header) != 3 {
		t.Errorf("%v", a.Header)
	}
	if strings.Contains(l.log.String(), secret) {
		t.Error("the log holds the signature")
	}
	for _, r := range o.requests() {
		want := http.Header{"User-Agent": {"fromcache/1"}, "Accept": {"*/*"}, "Accept-Encoding": {"identity"}, "Connection": {"close"}}
		if fmt.Sprint(r.Header) != fmt.Sprint(want) {
			t.Errorf("asked with %v", r.Header)
		}
	}
}

// A part is of one URL. With another signature it is gone on with; with another
// query, which may be of another file under the same ETag, it is not.
func TestResumeOfAnotherURL(t *testing.T) {
	for query, want := range map[string][]byte{"model=b": other, "model=a&AWSAccessKeyId=k&Signature=new&Expires=1700009999": body} {
		o := newLying(t, func(w *wire) {
			b := body
			if w.req.URL.Query().Get("model") == "b" {
				b = other
			}
			w.honest(b, `"6750a1c0-493e0"`, half-(half+1)*min(w.n, 1)) // nginx: time and size
		})
		l := newLabWith(t, Options{Backoff: time.Hour, MaxBackoff: time.Hour}, fsstore.Options{Rule: key.Drop})
		k := l.add(fsstore.Addition{URL: o.url + "/f.run?model=a&AWSAccessKeyId=k&Signature=old&Expires=1700000000"})
		l.step()
		by := fsstore.Operator{Via: "cli"}
		if err := l.s.Cancel(k, by); err != nil {
			t.Fatal(err)
		}
		if err := l.s.RetryAs("", k, o.url+"/f.run?"+query, by); err != nil {
			t.Fatal(err)
		}
		l.drive()
		if got := l.held(o.url + "/f.run"); !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes are held, which are not those of the URL", query, len(got))
		}
		seen := o.requests()
		if resumed := seen[len(seen)-1].Header.Get("Range") != ""; len(seen) != 2 || resumed != bytes.Equal(want, body) {
			t.Errorf("%s: %d requests, the last resumed: %v", query, len(seen), resumed)
		}
	}
}

// Meta remembers whether the origin served ranges: a cache must not offer what the origin did not.
func TestRangesAsTheOriginHasThem(t *testing.T) {
	for _, c := range []struct {
		name  string
		serve func(*wire)
		want  bool
	}{
		{"says bytes", func(w *wire) { w.ok(body, "Accept-Ranges: bytes") }, true},
		{"says Bytes in a list", func(w *wire) { w.ok(body, "Accept-Ranges: pages,  Bytes") }, true},
		{"says none", func(w *wire) { w.ok(body, "Accept-Ranges: none") }, false},
		{"says kilobytes", func(w *wire) { w.ok(body, "Accept-Ranges: kilobytes") }, false},
		{"says nothing", func(w *wire) { w.ok(body) }, false},
		{"shows it by a 206", cutThen(`"a"`, func(w *wire) { w.honest(body, `"a"`, -1) }), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			o := newLying(t, c.serve)
			l := newLab(t, Options{})
			l.fetch(fsstore.Addition{URL: o.url + "/f.run"})
			a, err := l.s.Lookup(o.url + "/f.run")
			if err != nil || a.Ranges != c.want {
				t.Errorf("%+v %v", a, err)
			}
		})
	}
}
