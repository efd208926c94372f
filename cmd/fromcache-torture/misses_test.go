package torture

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/time/rate"

	"fromcache/fsstore/job"
)

const (
	maxMisses    = 500
	missClients  = 20   // each may have a tenth: together they want more than there is
	missesAtOnce = 4000 // in a second: with no bound, clients take the processors that a hit wants
)

// TestMisses: threat 5. Distinct URLs without end, from many clients: misses/
// comes to its cap and no further, no client gets more than its tenth, memory
// stays flat, and a hit is answered all the while.
func TestMisses(t *testing.T) {
	p, row := begin(t, "5 misses without end")
	n := size(3000, 1_000_000)
	l, s := p.serving(row, nil, "--max-misses", fmt.Sprint(maxMisses))
	defer l.close()
	var gate sync.RWMutex            // closed while a hit is to be alone
	p.askFor(s, &gate, n/10, 0, row) // what it takes once, it has taken now
	before := s.Memory("VmRSS")
	asked := make(chan struct{})
	go func() {
		defer close(asked)
		p.askFor(s, &gate, n-n/10, n/10, row)
	}()
	alone, among := l.hitTimes(s, &gate, row)
	<-asked
	answers(l, s, one, "among misses", row)
	after := s.Memory("VmRSS")
	if after > before+32<<10 {
		row.Errorf("memory grew from %d to %d KiB", before, after)
	}
	row.Note("%d KiB resident after a tenth of them, %d after all; a hit took %v alone, %v among %d misses a second, with their clients on the same processors",
		before, after, alone, among, missesAtOnce)
	if long {
		judgeLatency(alone, among, row)
	}
	l.judgeMisses(row)
	row.Tried("distinct URLs", n)
	l.end("misses", s, row)
}

// hitSlack is what a hit may take longer beside clients that share its processors,
// whatever it takes alone: some 100 µs, which are soon doubled by them.
const hitSlack = 300 * time.Microsecond

// judgeLatency: at most doubled. A slice has too few misses to go by.
func judgeLatency(alone, among time.Duration, row *Row) {
	if among > 2*alone && among > alone+hitSlack {
		row.Errorf("a hit took %v alone, and %v among misses", alone, among)
	}
}

// askFor asks for n URLs that nobody has asked for before.
func (p *program) askFor(s *server, gate *sync.RWMutex, n, from int, row *Row) {
	pace := rate.NewLimiter(missesAtOnce, missClients)
	each(upTo(missClients), func(client int) {
		from, upto := from+n*(client-1)/missClients, from+n*client/missClients
		c := clientAt(net.IPv4(127, 0, 2, byte(client)))
		defer c.CloseIdleConnections()
		for i := from; i < upto && pace.Wait(row.Context()) == nil; i++ {
			gate.RLock()
			code, err := askOnce(c, s, fmt.Sprintf("https://%d.example.com/%d.run", i, i))
			gate.RUnlock()
			if err != nil || code != http.StatusNotFound {
				row.Errorf("miss %d: %d, %v", i, code, err)
				return
			}
		}
	})
}

func askOnce(c *http.Client, s *server, rawURL string) (code int, err error) {
	resp, err := c.Get("http://" + s.Addr + "/blob?url=" + url.QueryEscape(rawURL))
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, err
}

// clientAt keeps its connections, and has an address of its own.
func clientAt(ip net.IP) *http.Client {
	d := &net.Dialer{LocalAddr: &net.TCPAddr{IP: ip}}
	return &http.Client{Transport: &http.Transport{DialContext: d.DialContext}, Timeout: time.Minute}
}

// hitTimes are the medians of a thousand hits on one connection, alone and among
// misses in turn, so that whatever else the machine does is in both.
func (l *lab) hitTimes(s *server, gate *sync.RWMutex, row *Row) (alone, among time.Duration) {
	c := clientAt(net.IPv4(127, 0, 3, 1))
	defer c.CloseIdleConnections()
	var a, b []time.Duration
	for range 20 {
		gate.Lock()
		a = append(a, l.hits(c, s, row)...)
		gate.Unlock()
		time.Sleep(100 * time.Millisecond) // until the misses are under way again
		b = append(b, l.hits(c, s, row)...)
	}
	return median(a), median(b)
}

func median(all []time.Duration) time.Duration {
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return all[len(all)/2].Round(10 * time.Microsecond)
}

// hits is how long each of 25 took.
func (l *lab) hits(c *http.Client, s *server, row *Row) (all []time.Duration) {
	for range 25 {
		began := time.Now()
		resp, err := c.Get("http://" + s.Addr + "/blob?url=" + url.QueryEscape(l.p.origin.URL+one))
		if err != nil {
			row.Errorf("a hit: %v", err)
			return nil
		}
		b, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || digest(b) != digest(body(one, 0)) {
			row.Errorf("I4: a hit: %d, %d bytes, %v", resp.StatusCode, len(b), err)
		}
		all = append(all, time.Since(began))
		time.Sleep(2 * time.Millisecond)
	}
	row.Tried("hits", len(all))
	return all
}

// judgeMisses counts files, and those of each client.
func (l *lab) judgeMisses(row *Row) {
	list, _ := os.ReadDir(l.data + "/misses")
	if len(list) != maxMisses {
		row.Errorf("misses/ has %d files, and the cap is %d", len(list), maxMisses)
	}
	of := map[string]int{}
	for _, e := range list {
		b, _ := os.ReadFile(l.data + "/misses/" + e.Name())
		for _, j := range job.Parse(b).Jobs {
			for _, c := range j.Clients() {
				of[c.Addr]++
			}
		}
	}
	for addr, n := range of {
		if n > maxMisses/10 || !strings.HasPrefix(addr, "127.0.2.") {
			row.Errorf("%s made %d misses: a tenth of %d is its share", addr, n, maxMisses)
		}
	}
}
