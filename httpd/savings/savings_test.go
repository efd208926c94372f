package savings_test

import (
	"encoding/csv"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"fromcache/fsstore"
	"fromcache/httpd/savings"
)

// days are 90 days, of which the last four were counted, the last two by host, too.
func days() []fsstore.Day {
	list := make([]fsstore.Day, 90)
	for i := range list {
		list[i] = fsstore.Day{Date: fmt.Sprintf("day%02d", i), N: map[string]int64{}}
	}
	list[10].N = map[string]int64{"timed-bytes": 5000, "timed-ms": 1000, "host/a.example/timed-bytes": 5000, "host/a.example/timed-ms": 1000}
	list[86].N = map[string]int64{"served-bytes": 1000, "fetched-bytes": 400, "hits": 10, "misses": 3}
	list[87].N = map[string]int64{"served-bytes": 2000, "fetched-bytes": 0, "hits": 20, "misses": 1}
	list[88].N = map[string]int64{
		"served-bytes": 30000, "fetched-bytes": 100, "hits": 30, "misses": 2,
		"host/a.example/served-bytes": 20000, "host/a.example/hits": 20, "host/a.example/fetched-bytes": 100,
		"host/=cmd/served-bytes": 4000, "host/=cmd/hits": 4, "host/-/served-bytes": 6000, "host/-/hits": 6,
		"network/10.0.0.0/24/served-bytes": 30000, "network/10.0.0.0/24/hits": 30,
		"artifact/a.example--x--0/served-bytes": 20000, "artifact/a.example--x--0/hits": 20,
	}
	list[89].N = map[string]int64{"hits": 1, "served-bytes": 0}
	return list
}

func TestOf(t *testing.T) {
	r := savings.Of(days(), 7)
	if r.From != "day83" || r.To != "day89" || len(r.Days) != 7 || r.Since != "day88" {
		t.Errorf("%s to %s, %d days, since %s", r.From, r.To, len(r.Days), r.Since)
	}
	if want := (savings.Sum{Served: 33000, Fetched: 500, Hits: 61, Misses: 6}); r.Sum != want {
		t.Errorf("%+v", r.Sum)
	}
	if n, known := r.Seconds(); r.Rate != 5000 || n != 6 || !known { // measured before the window
		t.Errorf("%d s at %d", n, r.Rate)
	}
	want := []savings.Share{
		{Name: "a.example", Sum: savings.Sum{Served: 20000, Fetched: 100, Hits: 20}, Rate: 5000},
		{Name: "=cmd", Sum: savings.Sum{Served: 4000, Hits: 4}},
		{Name: "-", Sum: savings.Sum{Served: 9000, Fetched: 400, Hits: 37}}, // with the days before shares were counted
	}
	if !reflect.DeepEqual(r.Hosts, want) {
		t.Errorf("%+v", r.Hosts)
	}
	whole := days()[88:89] // all that was served has a network; of what was fetched no network is known
	if got := savings.Of(whole, 1).Networks; len(got) != 1 || got[0].Name != "10.0.0.0/24" {
		t.Errorf("networks are %+v", got)
	}
	old := savings.Of(days()[:88], 7)
	if old.Since != "" || len(old.Hosts) != 0 {
		t.Errorf("%+v", old)
	}
}

// TestNothingIsGuessed: time is not told where no download was timed, or nothing was saved.
func TestNothingIsGuessed(t *testing.T) {
	if n, known := savings.Of(days()[11:], 7).Seconds(); known {
		t.Errorf("%d s, and nothing was timed", n)
	}
	all := days()
	all[89].N["fetched-bytes"] = 1 << 40
	if n, known := savings.Of(all, 7).Seconds(); known {
		t.Errorf("%d s, and nothing was saved", n)
	}
}

// TestCSV: each table is one of RFC 4180, adds up to the sum, and holds no formula.
func TestCSV(t *testing.T) {
	r := savings.Of(days(), 30)
	r.Name(func(string) string { return "@https://a.example/x,\"y\"" })
	for _, table := range savings.Tables {
		var b strings.Builder
		if err := r.WriteCSV(&b, table); err != nil || strings.Count(b.String(), "\r\n") != strings.Count(b.String(), "\n") {
			t.Fatalf("%s: %v %q", table, err, b.String())
		}
		rows, err := csv.NewReader(strings.NewReader(b.String())).ReadAll()
		if err != nil || len(rows) < 2 {
			t.Fatalf("%s: %v", table, err)
		}
		sums := map[string]int64{}
		for _, row := range rows[1:] {
			for i, cell := range row {
				n, err := strconv.ParseInt(cell, 10, 64)
				if err == nil {
					sums[rows[0][i]] += n
				} else if cell != "" && strings.ContainsAny(cell[:1], "=+-@\t\r") {
					t.Errorf("%s: a formula: %q", table, cell)
				}
			}
		}
		if sums["served_bytes"] != r.Sum.Served || sums["hits"] != r.Sum.Hits {
			t.Errorf("%s: %v, want %+v", table, sums, r.Sum)
		}
	}
}

func TestDuration(t *testing.T) {
	for n, want := range map[int64]string{0: "0 s", 119: "119 s", 120: "2 min", 7200: "2 h", 999 * 3600: "999 h", 1000 * 3600: "41 days"} {
		if got := savings.Duration(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}
