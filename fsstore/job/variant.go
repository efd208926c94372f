package job

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"
)

// Variant is one of the URLs that a job holds. Each signature makes one, and any client can have
// its URL recorded. An operator chooses one of them by its Sum.
type Variant struct {
	URL        string    // as written
	Addr, Tool string    // of who asked for it first, "" where no miss says
	First      time.Time // when it was recorded; zero where no miss says
	N          int       // times asked
}

// Sum returns URLSum of the variant's URL.
func (v *Variant) Sum() string { return URLSum(v.URL) }

// URLSum returns the SHA-256 of a URL as it is written, with its signature, in 64 hex digits. Forms
// and verbs name the URL that an operator has seen by it.
func URLSum(url string) string {
	sum := sha256.Sum256([]byte(url))
	return hex.EncodeToString(sum[:])
}

// Variants returns the distinct URLs that the job holds, line 1 first, then as they were recorded.
func (j *Job) Variants() []Variant {
	list := []Variant{{URL: j.URL}}
	at := map[string]int{j.URL: 0}
	for i := range j.Events {
		e := &j.Events[i]
		url := e.URL
		if url == "" {
			if e.Kind != Miss {
				continue
			}
			url = j.URL
		}
		n, known := at[url]
		if !known {
			n = len(list)
			at[url] = n
			list = append(list, Variant{URL: url})
		}
		if v := &list[n]; e.Kind == Miss {
			if v.First.IsZero() {
				v.Addr, v.Tool, v.First = e.Addr, e.Tool, e.Time
			}
			v.N += e.Count
		}
	}
	return list
}

// URLs returns the distinct URLs that the job holds, line 1 first, as written.
func (j *Job) URLs() []string {
	var list []string
	for _, v := range j.Variants() {
		list = append(list, v.URL)
	}
	return list
}

// newestVariants returns line 1, the URL fetch, and of the others the newest whose URLs have no
// more than room bytes together, in their order. Their strings are their own.
func newestVariants(all []Variant, fetch string, room int) []Variant {
	keep := make([]bool, len(all))
	for i := len(all) - 1; i >= 0; i-- {
		if i > 0 && all[i].URL != fetch {
			room -= len(all[i].URL)
		}
		keep[i] = room >= 0 || i == 0 || all[i].URL == fetch
	}
	var list []Variant
	for i, v := range all {
		if keep[i] {
			v.URL, v.Addr, v.Tool = strings.Clone(v.URL), strings.Clone(v.Addr), strings.Clone(v.Tool)
			list = append(list, v)
		}
	}
	return list
}

// maxNames is how many names Differences returns.
const maxNames = 8

// Differences returns the names of the query parameters in which URLs differ, in their order, at
// most eight and "…". Clients choose the names: they are hostile when shown.
func Differences(list []Variant) (names []string) {
	if len(list) < 2 {
		return nil
	}
	seen := map[string]map[string]int{} // by name and value: in how many URLs
	var order []string
	for _, v := range list {
		_, query, _ := strings.Cut(v.URL, "?")
		own := map[string]bool{}
		for param := range strings.SplitSeq(query, "&") {
			if param == "" {
				continue
			}
			name, value, named := strings.Cut(param, "=")
			if !named { // it may be all secret
				name, value = "one without a name", param
			}
			if seen[name] == nil {
				seen[name] = map[string]int{}
				order = append(order, name)
			}
			if !own[param] {
				own[param] = true
				seen[name][value]++
			}
		}
	}
	for _, name := range order {
		if len(names) == maxNames {
			return append(names, "…")
		}
		for _, n := range seen[name] {
			if n != len(list) {
				names = append(names, name)
				break
			}
		}
	}
	return names
}
