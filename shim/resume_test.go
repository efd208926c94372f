package shim_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// versioned is a cache that holds versions of one file, of which the last is the present one.
type versioned struct {
	mu       sync.Mutex
	versions [][]byte
	bare     bool // it says no Cache-Status, as one that knows no pinned address
	blind    bool // it does not know pinned addresses though it says Cache-Status, as one behind another server
	evicted  bool // what it says of the present version is kept by a server in front of it, and no more true
	asked    []string
}

func (v *versioned) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.asked = append(v.asked, r.Method+" "+r.URL.Path+" "+r.Header.Get("Range"))
	token, pin, pinned := strings.Cut(strings.Split(r.URL.Path, "/")[2], ".")
	if pinned && (v.bare || v.blind) || token == "" {
		http.Error(w, "bad token", http.StatusBadRequest)
		return
	}
	held := v.versions[len(v.versions)-1]
	for _, b := range v.versions {
		if pin == sumOf(b) {
			held = b
		}
	}
	if pinned && (pin != sumOf(held) || v.evicted) {
		w.Header().Set("Cache-Status", "fromcache; fwd=uri-miss; detail=unknown-version")
		http.Error(w, "this version is not held", http.StatusNotFound)
		return
	}
	w.Header().Set("X-Fromcache-Sha256", sumOf(held))
	w.Header().Set("Content-Type", "application/octet-stream")
	if !v.bare {
		w.Header().Set("Cache-Status", "fromcache; hit, edge; fwd=stale")
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(held))
}

func sumOf(b []byte) string { return fmt.Sprintf("%x", sha256.Sum256(b)) }

// TestPin holds that a URL is re-pointed to the version of the probe's answer, where the cache
// serves versions.
func TestPin(t *testing.T) {
	one := []byte("version one")
	for _, c := range []struct {
		name  string
		cache *versioned
		pin   string
	}{
		{"a cache-host", &versioned{versions: [][]byte{one}}, "." + sumOf(one)},
		{"an older one, without Cache-Status", &versioned{versions: [][]byte{one}, bare: true}, ""},
		{"one that knows no such address", &versioned{versions: [][]byte{one}, blind: true}, ""},
		{"one that holds it no more", &versioned{versions: [][]byte{one}, evicted: true}, "no hit"},
	} {
		s := httptest.NewServer(c.cache)
		for _, args := range []string{"curl ", "curl -o x --url=", "wget -q "} {
			r := shimRun(t, args+"https://v.example/a", "FROMCACHE_SERVER="+s.URL, "FROMCACHE_VERBOSE=1")
			if said := strings.Contains(r.stderr, "hit: https://v.example/a from "+s.URL+" (of no certain version"); said != c.cache.blind {
				t.Errorf("%s: %s", c.name, r.stderr)
			}
			if c.cache.evicted {
				if !strings.Contains(r.stdout, "https://v.example/a|") || !strings.Contains(r.stderr, "miss: ") {
					t.Errorf("%s: %s%s", c.name, r.stdout, r.stderr)
				}
				continue
			}
			if want := strings.Fields(args)[0] + "|"; !strings.HasPrefix(r.stdout, want) || !strings.Contains(r.stdout, s.URL+"/b/aHR0cHM6Ly92LmV4YW1wbGUvYQ"+c.pin+"/a|") {
				t.Errorf("%s: %s: %s", c.name, args, r.stdout)
			}
		}
		s.Close()
	}
}

// TestResume holds when a call goes on from the cache with a file that is there: if its first and
// last 64 KiB are those of the version that the cache holds.
func TestResume(t *testing.T) {
	held := bytes.Repeat([]byte("0123456789abcdef"), 20_000) // 320,000 bytes
	copy(held[250_000:], "the end of it")
	with := func(b []byte, at int) []byte {
		b = bytes.Clone(b)
		b[at] ^= 1
		return b
	}
	half := held[:200_000]
	for _, c := range []struct {
		name  string
		have  []byte
		hit   bool
		parts int // that the cache is asked for
	}{
		{"none", nil, true, 0},
		{"empty", []byte{}, true, 0},
		{"one byte", held[:1], true, 1},
		{"another byte", []byte("x"), false, 1},
		{"64 KiB", held[:64<<10], true, 1},
		{"a byte more", held[:64<<10+1], true, 2},
		{"half", half, true, 2},
		{"all", held, true, 2},
		{"longer", append(bytes.Clone(held), 'x'), false, 0},
		{"another first byte", with(half, 0), false, 2},
		{"another last byte", with(half, len(half)-1), false, 1},
		{"64 KiB before the end", with(half, len(half)-64<<10), false, 1},
		{"last of the first 64 KiB", with(half, 64<<10-1), false, 2},
	} {
		for _, bare := range []bool{false, true} {
			v := &versioned{versions: [][]byte{held}, bare: bare}
			s := httptest.NewServer(v)
			for _, command := range []string{"curl -C - -o a ", "curl -C - -O ", "wget -c ", "wget -c -O a "} {
				dir := t.TempDir()
				if c.have != nil {
					os.WriteFile(dir+"/a", c.have, 0o644)
				}
				v.asked = nil
				r := shimRun(t, "cd "+dir+"; "+command+"https://v.example/a", "FROMCACHE_SERVER="+s.URL)
				parts := 0
				for _, a := range v.asked {
					if strings.HasPrefix(a, "GET ") {
						parts++
					}
				}
				if hit := strings.Contains(r.stdout, s.URL); hit != c.hit || parts != c.parts {
					t.Errorf("%s, %s: hit %v, %d parts: %q", c.name, command, hit, parts, v.asked)
				}
			}
			s.Close()
		}
	}
}

// TestNoSplice holds that no file gets the bytes of two versions: its begin from the origin, which
// has a new one, and its end from the cache, which has the old.
func TestNoSplice(t *testing.T) {
	old, young := bytes.Repeat([]byte("old "), 100_000), bytes.Repeat([]byte("new "), 100_000)
	origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/octet-stream")
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(young))
	}))
	defer origin.Close()
	cache := httptest.NewServer(&versioned{versions: [][]byte{old}})
	defer cache.Close()
	for _, c := range []struct {
		name  string
		begun []byte
		want  []byte
	}{{"begun at the origin", young[:100_001], young}, {"begun at the cache", old[:100_001], old}} {
		for i, command := range []string{
			"curl -sS -C - -O U", "curl -sS -C - -o a.bin U", "curl -sSC- --output-dir . -o ./a.bin U", "curl -sS -C - --remote-name-all U",
			"curl -sS -C - -o a.bin U?x=1", "curl -sS -C - -O U --next -sS -C - -O U", "curl -sS -C - -O U -O U?x=1", "curl -sS -C - -o other U -o a.bin U",
			"echo 'continue-at -' >$HOME/.curlrc; curl -sSo a.bin U", "curl -sS --continue-at - -o - U >>a.bin.none; curl -sS -C - -O U",
			"wget -qc U", "wget -q -c -O a.bin U", "wget -qcP . U", "wget -q --continue --directory-prefix=./ U", "mkdir d; mv a.bin d; wget -qc -P d/ U; mv d/a.bin .",
			"mv a.bin 'a.bin?x=1'; wget -qc 'U?x=1'; mv 'a.bin?x=1' a.bin", "echo 'continue = on' >$HOME/.wgetrc; wget -q U", "wget -qc U U", "wget -qc -O a.bin U U?x=1",
			"mkdir d; mv a.bin d; echo 'dir_prefix = d' >$HOME/.wgetrc; wget -qc U; mv d/a.bin .", "mv a.bin b.bin; ln -s b.bin a.bin; wget -qc U", "wget -qc -x -nH U",
			"mv a.bin 'a%20b.bin'; mv 'a%20b.bin' 'a b.bin'; wget -qc V; mv 'a b.bin' a.bin", "mv a.bin 'a%20b.bin'; curl -sS -C - -O V; mv 'a%20b.bin' a.bin",
		} {
			dir := t.TempDir()
			os.WriteFile(dir+"/a.bin", c.begun, 0o644)
			command = strings.NewReplacer("U", origin.URL+"/a.bin", "V", origin.URL+"/a%20b.bin").Replace(command)
			r := run(t, "cd "+dir+"; "+command, []string{"PATH=" + tools + ":" + realPath(), "HOME=" + dir, "TMPDIR=" + dir,
				"FROMCACHE_SERVER=" + cache.URL, "FROMCACHE_LOOPBACK=1", "FROMCACHE_VERBOSE=1"})
			got, _ := os.ReadFile(dir + "/a.bin")
			// What the cache began the origin goes on with where the call passes, as it would
			// without the shim.
			passed := !strings.Contains(r.stderr, "hit: ")
			if spliced := bytes.Contains(got, []byte("old ")) && bytes.Contains(got, []byte("new ")); spliced && !(passed && bytes.HasPrefix(got, old[:4])) {
				t.Errorf("%s: %s: %d bytes, of the old version %d\n%s", c.name, command, len(got), bytes.Count(got, []byte("old ")), r.stderr)
			}
			if plain := i < 4 || i == 10; plain && !bytes.Equal(got, c.want) {
				t.Errorf("%s: %s: not what began it\n%s", c.name, command, r.stderr)
			}
		}
	}
}
