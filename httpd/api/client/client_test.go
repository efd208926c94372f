package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"fromcache/fsstore"
	"fromcache/httpd/operate"
)

// answering starts a server, and returns a client of it with a token.
func answering(t *testing.T, answer http.HandlerFunc) *Client {
	t.Helper()
	s := httptest.NewServer(answer)
	t.Cleanup(s.Close)
	c := New(s.URL, "secret", nil)
	t.Cleanup(c.http.CloseIdleConnections)
	return c
}

// TestNoRedirect: a token goes to no other address, and the error says which one was meant.
func TestNoRedirect(t *testing.T) {
	asked := false
	other := answering(t, func(http.ResponseWriter, *http.Request) { asked = true })
	c := answering(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.server+r.URL.Path, http.StatusTemporaryRedirect)
	})
	_, err := c.Counts(t.Context())
	if asked || err == nil || !strings.Contains(err.Error(), other.server) {
		t.Errorf("asked %v: %v", asked, err)
	}
	_, err = c.Put(t.Context(), operate.Addition{URL: "https://h.example/x"}, strings.NewReader("x"), 1, func(int64) error { return nil })
	if asked || err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("asked %v: %v", asked, err)
	}
}

// TestSubPath: a server may be below a path of a proxy.
func TestSubPath(t *testing.T) {
	c := answering(t, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"hits":%d}`, len(r.URL.Path))
	})
	n, err := New(c.server+"/cache", "", nil).Counts(t.Context())
	if want := int64(len("/cache/api/v1/counts")); n.Hits != want || err != nil {
		t.Errorf("%d, not %d: %v", n.Hits, want, err)
	}
}

// TestPutOfAFileThatChanges: what is not as long as it was is never sent as a whole.
func TestPutOfAFileThatChanges(t *testing.T) {
	whole := false
	c := answering(t, func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err == nil {
			whole = true
		}
		fmt.Fprint(w, "{}")
	})
	put := func(text string, size int64, progress func(int64) error) error {
		whole = false
		_, err := c.Put(t.Context(), operate.Addition{URL: "https://h.example/x"}, strings.NewReader(text), size, progress)
		return err
	}
	quiet := func(int64) error { return nil }
	for _, size := range []int64{1, 3, 5, 100_000} {
		err := put("four", size, quiet)
		short, ok := errors.AsType[*fsstore.NotWhole](err)
		if !ok || short.Size != size || whole {
			t.Errorf("%d: %v, whole %v", size, err, whole)
		}
	}
	for _, size := range []int64{4, -1} {
		if err := put("four", size, quiet); err != nil || !whole {
			t.Errorf("%d: %v, whole %v", size, err, whole)
		}
	}
	stop := errors.New("stop")
	if err := put("four", 4, func(int64) error { return stop }); !errors.Is(err, stop) || whole {
		t.Errorf("%v, whole %v", err, whole)
	}
}

// TestPutThatIsRefused: what the server refuses by the header alone is not sent.
func TestPutThatIsRefused(t *testing.T) {
	c := answering(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusInsufficientStorage)
		fmt.Fprint(w, `{"detail":"no space"}`)
	})
	read := int64(0)
	_, err := c.Put(t.Context(), operate.Addition{URL: "https://h.example/x"}, io.LimitReader(zeros{}, 1<<40), 1<<40, func(have int64) error {
		read = have
		return nil
	})
	if read > 0 || err == nil || err.Error() != "no space" {
		t.Errorf("%d bytes were sent: %v", read, err)
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

// TestLogGoesOn: a log that is followed is asked for again where an answer ends, and no line is told
// twice or left out.
func TestLogGoesOn(t *testing.T) {
	at := time.Date(2030, 1, 31, 2, 0, 0, 0, time.UTC)
	line := func(second int, text string) fsstore.JournalEntry {
		return fsstore.JournalEntry{Time: at.Add(time.Duration(second) * time.Second), Key: "k", Text: text}
	}
	answers := [][]fsstore.JournalEntry{
		{line(0, "a"), line(1, "b"), line(1, "b")},
		{line(1, "b"), line(1, "b"), line(1, "b"), line(1, "c")},
		{line(1, "b"), line(1, "b"), line(1, "b"), line(1, "c"), line(2, "d")},
	}
	var asked []string
	c := answering(t, func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Query().Get("since")+" "+r.URL.Query().Get("last"))
		for _, e := range answers[min(len(asked), len(answers))-1] {
			json.NewEncoder(w).Encode(e) //nolint:errcheck // the test would see it
		}
	})
	ctx, stop := context.WithCancel(t.Context())
	told := ""
	err := c.Log(ctx, operate.LogWish{Last: 3, Follow: true}, func(list []fsstore.JournalEntry) error {
		for _, e := range list {
			told += e.Text
		}
		if strings.Contains(told, "d") {
			stop()
		}
		return nil
	})
	if told != "abbbcd" || !errors.Is(err, context.Canceled) {
		t.Errorf("%s, %v", told, err)
	}
	if want := "2030-01-31T02:00:01Z 0"; asked[0] != " 4" || asked[1] != want || asked[2] != want {
		t.Errorf("%q", asked)
	}
}

// TestLogGoesOnWithWhatIsNew: lines of the newest second that were not wanted are not told later.
func TestLogGoesOnWithWhatIsNew(t *testing.T) {
	all := []string{"a", "b", "c", "d", "e"}
	c := answering(t, func(w http.ResponseWriter, r *http.Request) {
		list := all
		if last, _ := strconv.Atoi(r.FormValue("last")); last > 0 && last < len(all) {
			list = all[len(all)-last:]
		}
		for _, text := range list {
			fmt.Fprintf(w, `{"time":"2030-01-31T02:00:00Z","text":%q}`+"\n", text)
		}
		if r.Header.Get("Prefer") != "" && len(all) == 5 {
			all = append(all, "f")
		}
	})
	ctx, stop := context.WithCancel(t.Context())
	told := ""
	c.Log(ctx, operate.LogWish{Last: 1, Follow: true}, func(list []fsstore.JournalEntry) error {
		for _, e := range list {
			told += e.Text
		}
		if strings.Contains(told, "f") {
			stop()
		}
		return nil
	})
	if told != "ef" {
		t.Error(told)
	}
}

// TestOtherScheme: an address of the wrong scheme is met with the right one.
func TestOtherScheme(t *testing.T) {
	quiet := log.New(io.Discard, "", 0)
	for _, tls := range []bool{false, true} {
		s := httptest.NewUnstartedServer(http.NotFoundHandler())
		s.Config.ErrorLog = quiet
		right, wrong := "it speaks plain HTTP: write http://", "https://"
		if tls {
			right, wrong = "it speaks TLS: write https://", "http://"
			s.StartTLS()
		} else {
			s.Start()
		}
		address := s.Listener.Addr().String()
		_, err := New(wrong+address, "", nil).Counts(t.Context())
		if err == nil || !strings.HasSuffix(err.Error(), right+address) {
			t.Errorf("TLS %v: %v", tls, err)
		}
		s.Close()
	}
}

// TestLogThatBreaksOff: half an answer is no log.
func TestLogThatBreaksOff(t *testing.T) {
	c := answering(t, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"text":"a"}`+"\n"+`{"te`)
	})
	err := c.Log(t.Context(), operate.LogWish{}, func([]fsstore.JournalEntry) error { return nil })
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error(err)
	}
}

// TestLogLineWithoutEnd: a line that never ends is given up, and not kept in memory.
func TestLogLineWithoutEnd(t *testing.T) {
	c := answering(t, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, `{"text":"a"}`)
		for block := bytes.Repeat([]byte("x"), 1<<16); ; {
			if _, err := w.Write(block); err != nil {
				return
			}
		}
	})
	for _, follow := range []bool{false, true} {
		told := ""
		err := c.Log(t.Context(), operate.LogWish{Follow: follow}, func(list []fsstore.JournalEntry) error {
			for i := range list {
				told += list[i].Text
			}
			return nil
		})
		if !errors.Is(err, errLongLine) || told != "a" {
			t.Errorf("follow %v: %q, %v", follow, told, err)
		}
	}
}

// TestLogIsToldInParts: however much comes at once, few entries are in memory.
func TestLogIsToldInParts(t *testing.T) {
	const lines = 10*maxTold + 1
	c := answering(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Write(bytes.Repeat([]byte("{}\n"), lines)) //nolint:errcheck // the test would see it
	})
	sum, most := 0, 0
	err := c.Log(t.Context(), operate.LogWish{}, func(list []fsstore.JournalEntry) error {
		sum, most = sum+len(list), max(most, len(list))
		return nil
	})
	if sum != lines || most > maxTold || err != nil {
		t.Errorf("%d entries, %d at once: %v", sum, most, err)
	}
}

// TestLogThatIsMoreThanAsked: the lines that a followed log begins with are given up where they have
// no end.
func TestLogThatIsMoreThanAsked(t *testing.T) {
	c := answering(t, func(w http.ResponseWriter, _ *http.Request) {
		for block := bytes.Repeat([]byte("{}\n"), 1<<14); ; {
			if _, err := w.Write(block); err != nil {
				return
			}
		}
	})
	err := c.Log(t.Context(), operate.LogWish{Follow: true, Last: 5000}, func([]fsstore.JournalEntry) error { return nil })
	if !errors.Is(err, errManyLines) {
		t.Error(err)
	}
}

// TestDripsAreNoSignOfLife: a server that sends a byte now and then, and never a line, is given up
// as one that says nothing.
func TestDripsAreNoSignOfLife(t *testing.T) {
	for _, follow := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			var servers sync.WaitGroup
			defer servers.Wait()
			c := New("http://h.example", "", nil)
			c.http.Transport = &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
				near, far := net.Pipe()
				servers.Go(func() { drip(far) })
				return near, nil
			}}
			defer c.http.CloseIdleConnections()
			begun := time.Now()
			err := c.Log(t.Context(), operate.LogWish{Follow: follow}, func([]fsstore.JournalEntry) error { return nil })
			if took := time.Since(begun); took != patience || !errors.Is(err, errSilent) {
				t.Errorf("follow %v: after %v: %v", follow, took, err)
			}
		})
	}
}

// drip answers with a line, and then with a byte every ten seconds.
func drip(c net.Conn) {
	defer c.Close()
	if _, err := http.ReadRequest(bufio.NewReader(c)); err != nil {
		return
	}
	_, err := io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n{}\n")
	for ; err == nil; _, err = io.WriteString(c, "x") {
		time.Sleep(10 * time.Second)
	}
}

// TestListWithoutEnd: a list whose cursor stands still or goes back is given up.
func TestListWithoutEnd(t *testing.T) {
	for _, cursors := range [][]string{{"61"}, {"62", "61"}} {
		asked := 0
		c := answering(t, func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, `{"jobs":[{"name":"a"}],"artifacts":[{"key":"a"}],"next":%q}`, cursors[asked%len(cursors)])
			asked++
		})
		var last error
		for _, err := range operate.EachJob(t.Context(), c, fsstore.Misses, "") {
			last = err
		}
		if asked != 2 || last == nil || !strings.Contains(last.Error(), "does not end") {
			t.Errorf("%q: asked %d times for jobs: %v", cursors, asked, last)
		}
		asked = 0
		for _, err := range operate.EachArtifact(t.Context(), c, "") {
			last = err
		}
		if asked != 2 || last == nil || !strings.Contains(last.Error(), "does not end") {
			t.Errorf("%q: asked %d times for artifacts: %v", cursors, asked, last)
		}
	}
}
