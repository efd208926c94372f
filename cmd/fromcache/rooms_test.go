package main

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// room is a part of the tree, and what its packages may import directly. Test files are not looked at.
type room struct {
	path  string   // it and all below, unless another room's path is longer
	ours  []string // packages of this module, with all below them
	third []string // modules of others, as prefixes of import paths
	not   []string // of the standard library
}

// heavy are packages that the shim does without, because each call of curl and wget starts it.
var heavy = []string{"crypto/tls", "encoding/json", "flag", "fmt", "net/http", "os/exec", "reflect", "regexp"}

// noNetwork: only fsstore/fetch goes out.
var noNetwork = []string{"net/http", "html/template"}

const (
	unix       = "golang.org/x/sys/unix"
	sqlite     = "modernc.org/sqlite" // the server does not carry it
	promClient = "github.com/prometheus/client_golang/prometheus"
)

// storeRooms are the rooms of the store from the ground up: each may import those before it.
var storeRooms = []string{
	"/key", "/job", "/kind", "/internal/tree", "/internal/rows", "/internal/changes", "/hosts", "/health", "/counts", "/tokens", "/queries", "/held", "/catalog", "/spool", "/ended", "/misses", "/verbs", "/allowed", "/active", "/transfer", "/upkeep",
}

// under are the packages of the store's rooms before one; all of them where it is none of those.
func under(room string) (paths []string) {
	for _, r := range storeRooms {
		if r == room {
			break
		}
		paths = append(paths, "fromcache/fsstore"+r)
	}
	return paths
}

// rooms hold the architecture up: one package owns the disk, the pages know of no worker, the shim stays small. A new edge
// is a decision, and is made here.
var rooms = []room{
	{path: "fromcache/fsstore", ours: append(under("/view"), "fromcache/fsstore/view", "fromcache/fsstore/journal"), not: noNetwork},
	{path: "fromcache/fsstore/key", not: []string{"os", "net/http", "net/url", "time"}},
	{path: "fromcache/fsstore/job", ours: []string{"fromcache/fsstore/key"}, not: []string{"os", "net/http"}},
	{path: "fromcache/fsstore/kind", ours: []string{"fromcache/fsstore/key"}, not: []string{"os", "net/http"}},
	{path: "fromcache/fsstore/internal/tree", ours: under("/internal/tree"), third: []string{unix, "github.com/google/renameio/v2"}, not: noNetwork},
	{path: "fromcache/fsstore/internal/rows", ours: []string{"fromcache/fsstore/internal/tree"}, not: noNetwork},
	{path: "fromcache/fsstore/internal/changes", third: []string{unix}, not: noNetwork},
	{path: "fromcache/fsstore/hosts", ours: under("/hosts"), third: []string{unix}, not: noNetwork},
	{path: "fromcache/fsstore/health", ours: under("/health"), third: []string{unix, "golang.org/x/time/rate"}, not: noNetwork},
	{path: "fromcache/fsstore/counts", ours: under("/counts"), third: []string{unix}, not: noNetwork},
	{path: "fromcache/fsstore/tokens", ours: under("/tokens"), not: noNetwork},
	{path: "fromcache/fsstore/queries", ours: under("/queries"), third: []string{unix}, not: noNetwork},
	{path: "fromcache/fsstore/held", ours: under("/held"), third: []string{unix}, not: noNetwork},
	{path: "fromcache/fsstore/catalog", ours: under("/catalog"), not: noNetwork},
	{path: "fromcache/fsstore/spool", ours: under("/spool"), third: []string{unix, "github.com/fsnotify/fsnotify"}, not: noNetwork},
	{path: "fromcache/fsstore/ended", ours: under("/ended"), third: []string{unix}, not: noNetwork},
	{path: "fromcache/fsstore/misses", ours: under("/misses"), third: []string{unix}, not: noNetwork},
	{path: "fromcache/fsstore/verbs", ours: under("/verbs"), not: noNetwork},
	{path: "fromcache/fsstore/allowed", ours: under("/allowed"), third: []string{"github.com/dustin/go-humanize", unix}, not: noNetwork},
	{path: "fromcache/fsstore/active", ours: under("/active"), third: []string{unix}, not: noNetwork},
	{path: "fromcache/fsstore/transfer", ours: under("/transfer"), third: []string{unix}, not: noNetwork},
	{path: "fromcache/fsstore/upkeep", ours: under("/upkeep"), third: []string{unix}, not: noNetwork},
	{
		path: "fromcache/fsstore/view",
		ours: []string{
			"fromcache/fsstore/key", "fromcache/fsstore/job", "fromcache/fsstore/internal/tree", "fromcache/fsstore/health",
			"fromcache/fsstore/catalog", "fromcache/fsstore/spool", "fromcache/fsstore/ended",
		},
		not: noNetwork,
	},
	{
		path: "fromcache/fsstore/journal",
		ours: []string{
			"fromcache/fsstore/key", "fromcache/fsstore/job", "fromcache/fsstore/internal/tree", "fromcache/fsstore/health",
			"fromcache/fsstore/spool", "fromcache/fsstore/upkeep",
		},
		not: noNetwork,
	},
	// Tests alone import storetest: no room names it.
	{path: "fromcache/fsstore/internal/storetest", ours: []string{"fromcache/fsstore"}, third: []string{unix}, not: noNetwork},
	{
		path:  "fromcache/fsstore/fetch",
		ours:  []string{"fromcache/fsstore"},
		third: []string{"golang.org/x/sync/errgroup"},
		not:   []string{"os", "path/filepath", "io/ioutil", "syscall"}, // of syscall see below
	},
	{path: "fromcache/fsstore/fetch/address", not: append([]string{"os", "syscall"}, noNetwork...)},
	{path: "fromcache/fsstore/fetch/origins", ours: []string{"fromcache/fsstore/key"}, not: []string{"os", "path/filepath", "syscall"}},
	{path: "fromcache/fsstore/fetch/failure", not: append([]string{"os", "net"}, noNetwork...)},
	{
		path: "fromcache/fsstore/fetch/response",
		ours: []string{"fromcache/fsstore", "fromcache/fsstore/fetch/failure"},
		not:  []string{"os", "path/filepath", "syscall"},
	},
	{
		path: "fromcache/fsstore/fetch/client",
		ours: []string{
			"fromcache/fsstore/key", "fromcache/fsstore/fetch/address", "fromcache/fsstore/fetch/failure",
			"fromcache/fsstore/fetch/origins",
		},
		not: []string{"os", "path/filepath", "syscall"},
	},
	{
		path: "fromcache/fsstore/fetch/published",
		ours: []string{"fromcache/fsstore/fetch/client"},
		not:  []string{"os", "path/filepath", "syscall"},
	},
	{
		path: "fromcache/fsstore/fetch/upstream",
		ours: []string{
			"fromcache/fsstore", "fromcache/fsstore/fetch/address", "fromcache/fsstore/fetch/client",
			"fromcache/fsstore/fetch/failure", "fromcache/fsstore/fetch/origins",
		},
		third: []string{"golang.org/x/sync/errgroup"},
		not:   []string{"os", "path/filepath", "syscall"},
	},
	{path: "fromcache/fsstore/fitness", third: []string{unix}, not: noNetwork},
	{path: "fromcache/fsstore/rsync", ours: []string{"fromcache/fsstore"}, third: []string{unix}, not: noNetwork},
	{path: "fromcache/fsstore/hooks", ours: []string{"fromcache/fsstore"}, third: []string{"golang.org/x/sync/errgroup"}, not: noNetwork},
	{
		path:  "fromcache/httpd",
		ours:  []string{"fromcache/fsstore", "fromcache/httpd"},
		third: []string{"github.com/julienschmidt/httprouter", promClient},
		not:   []string{"os", "path/filepath", "io/ioutil"},
	},
	{
		path:  "fromcache/httpd/answer",
		ours:  []string{"fromcache/fsstore"},
		third: []string{"github.com/julienschmidt/httprouter", "golang.org/x/time/rate", "golang.org/x/sys/unix"},
		not:   []string{"os", "path/filepath", "io/ioutil"},
	},
	{path: "fromcache/httpd/front", ours: []string{"fromcache/httpd/answer"}, not: []string{"os", "path/filepath", "io/ioutil"}},
	{
		path:  "fromcache/httpd/read",
		ours:  []string{"fromcache/fsstore", "fromcache/httpd/answer", "fromcache/httpd/crowd", "fromcache/httpd/front"},
		third: []string{"github.com/julienschmidt/httprouter"},
		not:   []string{"os", "path/filepath", "io/ioutil"},
	},
	{
		path:  "fromcache/httpd/access",
		ours:  []string{"fromcache/fsstore", "fromcache/httpd/answer"},
		third: []string{"github.com/gorilla/sessions", "golang.org/x/time/rate"},
		not:   []string{"os", "path/filepath", "io/ioutil"},
	},
	{path: "fromcache/httpd/savings", ours: []string{"fromcache/fsstore"}, not: append([]string{"os", "path/filepath"}, noNetwork...)},
	{path: "fromcache/httpd/operate", ours: []string{"fromcache/fsstore", "fromcache/httpd/savings"}, not: append([]string{"os", "path/filepath", "io/ioutil"}, noNetwork...)},
	{
		path:  "fromcache/httpd/api",
		ours:  []string{"fromcache/fsstore", "fromcache/httpd/access", "fromcache/httpd/answer", "fromcache/httpd/operate"},
		third: []string{"github.com/danielgtaylor/huma/v2", "github.com/julienschmidt/httprouter", "golang.org/x/time/rate"},
		not:   []string{"os", "path/filepath", "io/ioutil"},
	},
	{
		path: "fromcache/httpd/api/client",
		ours: []string{"fromcache/fsstore", "fromcache/httpd/operate", "fromcache/httpd/savings"},
		not:  []string{"os", "path/filepath", "io/ioutil"},
	},
	{
		path:  "fromcache/httpd/metrics",
		ours:  []string{"fromcache/fsstore", "fromcache/httpd/answer"},
		third: []string{"github.com/julienschmidt/httprouter", "golang.org/x/sync/singleflight", promClient},
		not:   []string{"os", "path/filepath", "io/ioutil"},
	},
	{
		path:  "fromcache/httpd/live",
		ours:  []string{"fromcache/fsstore", "fromcache/httpd/answer"},
		third: []string{"golang.org/x/sync/singleflight"},
		not:   []string{"os", "path/filepath", "io/ioutil"},
	},
	{
		path: "fromcache/httpd/crowd",
		ours: []string{"fromcache/fsstore", "fromcache/httpd/progress"},
		not:  []string{"os", "path/filepath", "io/ioutil", "net/http"},
	},
	{
		path: "fromcache/httpd/progress",
		ours: []string{"fromcache/fsstore"},
		not:  []string{"os", "path/filepath", "io/ioutil", "net/http"},
	},
	{
		path: "fromcache/httpd/show",
		ours: []string{"fromcache/fsstore", "fromcache/httpd/progress", "fromcache/httpd/savings", "fromcache/templates"},
		not:  []string{"os", "path/filepath", "io/ioutil", "net/http"},
	},
	{
		path: "fromcache/httpd/pages",
		ours: []string{
			"fromcache/fsstore", "fromcache/httpd/access", "fromcache/httpd/answer", "fromcache/httpd/live",
			"fromcache/httpd/savings", "fromcache/httpd/show", "fromcache/templates",
		},
		third: []string{"github.com/julienschmidt/httprouter"},
		not:   []string{"os", "path/filepath", "io/ioutil"},
	},
	// Tests alone import nginxtest.
	{path: "fromcache/httpd/nginxtest", not: []string{"net/http"}},
	{path: "fromcache/templates", not: []string{"os", "path/filepath", "io/ioutil", "net/http", "text/template"}},
	{
		path: "fromcache/shim",
		ours: []string{
			"fromcache/shim/call", "fromcache/shim/plan", "fromcache/shim/probe", "fromcache/shim/realtool", "fromcache/shim/setup",
			"fromcache/shim/wait",
		},
		not: heavy,
	},
	{path: "fromcache/shim/options", not: heavy},
	{
		path: "fromcache/shim/call",
		ours: []string{"fromcache/shim/options"},
		not:  append([]string{"os", "net", "time", "syscall", "path/filepath"}, heavy...),
	},
	{
		path: "fromcache/shim/plan",
		ours: []string{"fromcache/shim/call", "fromcache/shim/options"},
		not:  append([]string{"os", "net", "time", "syscall", "path/filepath"}, heavy...),
	},
	{path: "fromcache/shim/realtool", ours: []string{"fromcache/shim/call", "fromcache/shim/plan"}, not: append([]string{"net"}, heavy...)},
	{path: "fromcache/shim/probe", ours: []string{"fromcache/shim/call", "fromcache/shim/plan", "fromcache/shim/realtool"}, not: heavy},
	{path: "fromcache/shim/wait", ours: []string{"fromcache/shim/call", "fromcache/shim/plan", "fromcache/shim/probe"}, not: append([]string{"net"}, heavy...)},
	{path: "fromcache/shim/secure", ours: []string{"fromcache/shim/probe"}, not: []string{"net/http", "os/exec", "fmt"}},
	{
		path: "fromcache/shim/setup",
		ours: []string{
			"fromcache/shim/call", "fromcache/shim/plan", "fromcache/shim/probe", "fromcache/shim/realtool", "fromcache/shim/wait",
		},
		not: append([]string{"net"}, heavy...),
	},
	{path: "fromcache/shim/replay"},
	{path: "fromcache/cmd", ours: []string{"fromcache"}, third: []string{""}},
	{path: "fromcache/cmd/fromcache-original", ours: []string{"fromcache/fsstore"}, third: []string{unix, sqlite}},
	{path: "fromcache/cmd/fromcache-shim", ours: []string{"fromcache/shim"}, not: heavy},
	{path: "fromcache/cmd/fromcache-shim-tls", ours: []string{"fromcache/shim"}, not: heavy},
	{path: "fromcache/deploy"},
}

// exempt are edges against the rules above, each with its reason.
var exempt = map[string]string{
	"fromcache/fsstore/fetch syscall":         "the numbers of errors say whether the disk is in trouble",
	"fromcache/fsstore/fetch/address syscall": "the Control function of a net.Dialer has a syscall.RawConn as its argument",
	"fromcache/shim/plan net/netip":           "it reads addresses and opens nothing",
	"fromcache/httpd golang.org/x/sys/unix":   "how many descriptors there may be is a resource limit",
}

// inner are the rooms that callers reach by the names in fsstore alone.
var inner = append(slices.DeleteFunc(under("/view"), func(path string) bool {
	return within([]string{"fromcache/fsstore/key", "fromcache/fsstore/job", "fromcache/fsstore/kind"}, path)
}), "fromcache/fsstore/view", "fromcache/fsstore/journal", "fromcache/fsstore/internal")

// denied are edges that the rooms would let through.
var denied = map[string][]string{
	"fromcache/fsstore/fetch": inner,
	"fromcache/fsstore/fetch/response": append([]string{
		"fromcache/fsstore/fetch/address", "fromcache/fsstore/fetch/client", "fromcache/fsstore/fetch/origins",
	}, inner...),
	"fromcache/fsstore/fetch/upstream": append([]string{
		"fromcache/fsstore/fetch/response",
	}, inner...),
	"fromcache/fsstore/hooks":  inner,
	"fromcache/fsstore/rsync":  inner,
	"fromcache/httpd":          append([]string{"fromcache/fsstore/fetch"}, inner...),
	"fromcache/httpd/answer":   append([]string{"fromcache/fsstore/fetch"}, inner...),
	"fromcache/httpd/front":    append([]string{"fromcache/fsstore/fetch"}, inner...),
	"fromcache/httpd/metrics":  append([]string{"fromcache/fsstore/fetch"}, inner...),
	"fromcache/httpd/read":     append([]string{"fromcache/fsstore/fetch"}, inner...),
	"fromcache/httpd/access":   append([]string{"fromcache/fsstore/fetch"}, inner...),
	"fromcache/httpd/live":     append([]string{"fromcache/fsstore/fetch"}, inner...),
	"fromcache/httpd/api":      append([]string{"fromcache/fsstore/fetch"}, inner...),
	"fromcache/httpd/operate":  append([]string{"fromcache/fsstore/fetch"}, inner...),
	"fromcache/httpd/progress": append([]string{"fromcache/fsstore/fetch"}, inner...),
	"fromcache/httpd/crowd":    append([]string{"fromcache/fsstore/fetch"}, inner...),
	"fromcache/httpd/savings":  append([]string{"fromcache/fsstore/fetch"}, inner...),
	"fromcache/httpd/show":     append([]string{"fromcache/fsstore/fetch"}, inner...),
	"fromcache/httpd/pages":    append([]string{"fromcache/fsstore/fetch"}, inner...),
	"fromcache/cmd":            append([]string{sqlite}, inner...),
}

func TestRooms(t *testing.T) {
	c := exec.Command("go", "list", "-json=ImportPath,Imports", "fromcache/...")
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	seen := 0
	for list := json.NewDecoder(out); ; seen++ {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := list.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		for _, imported := range p.Imports {
			if why := objection(p.ImportPath, imported); why != "" {
				t.Errorf("%s imports %s: %s", p.ImportPath, imported, why)
			}
		}
	}
	if err := c.Wait(); err != nil || seen < len(rooms)/2 {
		t.Fatalf("go list: %v, %d packages", err, seen)
	}
}

// objection says why one package may not import another; "" when it may.
func objection(from, imported string) string {
	if exempt[from+" "+imported] != "" {
		return ""
	}
	r := roomOf(from)
	if r == nil {
		return "it is in no room: add one"
	}
	if within(denied[r.path], imported) {
		return "not from " + r.path
	}
	first, _, _ := strings.Cut(imported, "/")
	switch {
	case first == "fromcache":
		if !within(r.ours, imported) {
			return r.path + " may not"
		}
	case strings.Contains(first, "."):
		if !within(r.third, imported) {
			return r.path + " knows no such library"
		}
	case within(r.not, imported):
		return r.path + " must not"
	}
	return ""
}

func roomOf(path string) *room {
	var found *room
	for i := range rooms {
		if within([]string{rooms[i].path}, path) && (found == nil || len(rooms[i].path) > len(found.path)) {
			found = &rooms[i]
		}
	}
	return found
}

// within reports whether path is one of the prefixes, or below one. The prefix "" has everything below it.
func within(prefixes []string, path string) bool {
	for _, p := range prefixes {
		if p == "" || path == p || strings.HasPrefix(path, p+"/") {
			return true
		}
	}
	return false
}

// TestObjection shows that the rooms have walls.
func TestObjection(t *testing.T) {
	for _, edge := range [][2]string{
		{"fromcache/httpd", "fromcache/fsstore/fetch"},
		{"fromcache/httpd", "os"},
		{"fromcache/httpd/pages", "fromcache/fsstore/fetch"},
		{"fromcache/httpd/pages", "fromcache/httpd/read"},
		{"fromcache/httpd/read", "fromcache/httpd/pages"},
		{"fromcache/httpd/read", "fromcache/httpd/access"},
		{"fromcache/httpd/access", "fromcache/httpd/pages"},
		{"fromcache/httpd/live", "fromcache/httpd/pages"},
		{"fromcache/httpd/live", "fromcache/templates"},
		{"fromcache/httpd/show", "net/http"},
		{"fromcache/httpd/show", "fromcache/httpd/answer"},
		{"fromcache/httpd/savings", "fromcache/httpd/show"},
		{"fromcache/httpd/pages", "github.com/gorilla/sessions"},
		{"fromcache/httpd/api", "fromcache/httpd/pages"},
		{"fromcache/httpd/pages", "github.com/danielgtaylor/huma/v2"},
		{"fromcache/httpd/operate", "net/http"},
		{"fromcache/httpd/answer", "fromcache/httpd/read"},
		{"fromcache/httpd/read", "fromcache/httpd/metrics"},
		{"fromcache/httpd/read", "github.com/prometheus/client_golang/prometheus"},
		{"fromcache/httpd/metrics", "fromcache/fsstore/fetch"},
		{"fromcache/httpd/metrics", "fromcache/httpd/read"},
		{"fromcache/fsstore", "net/http"},
		{"fromcache/fsstore", "fromcache/fsstore/fetch"},
		{"fromcache/fsstore", "fromcache/httpd"},
		{"fromcache/fsstore", "fromcache/fsstore/internal/storetest"},
		{"fromcache/fsstore", "golang.org/x/sys/unix"},
		{"fromcache/fsstore/fetch", "os"},
		{"fromcache/fsstore/fetch", "fromcache/fsstore/active"},
		{"fromcache/fsstore/fetch/address", "net/http"},
		{"fromcache/fsstore/fetch/address", "fromcache/fsstore/fetch/origins"},
		{"fromcache/fsstore/fetch/origins", "fromcache/fsstore"},
		{"fromcache/fsstore/fetch/failure", "fromcache/fsstore/fetch/client"},
		{"fromcache/fsstore/fetch/response", "fromcache/fsstore/fetch/client"},
		{"fromcache/fsstore/fetch/response", "fromcache/fsstore/active"},
		{"fromcache/fsstore/fetch/client", "fromcache/fsstore/fetch/response"},
		{"fromcache/fsstore/fetch/client", "fromcache/fsstore/fetch"},
		{"fromcache/fsstore/fetch/client", "fromcache/fsstore"},
		{"fromcache/fsstore/fetch/upstream", "fromcache/fsstore/active"},
		{"fromcache/fsstore/fetch/client", "fromcache/fsstore/fetch/upstream"},
		{"fromcache/httpd/read", "fromcache/fsstore/fetch/upstream"},
		{"fromcache/fsstore/key", "fromcache/fsstore"},
		{"fromcache/fsstore/job", "fromcache/fsstore/internal/tree"},
		{"fromcache/fsstore/internal/tree", "fromcache/fsstore/health"},
		{"fromcache/fsstore/internal/tree", "net/http"},
		{"fromcache/fsstore/hosts", "fromcache/fsstore/health"},
		{"fromcache/fsstore/hosts", "fromcache/fsstore/active"},
		{"fromcache/fsstore/health", "fromcache/fsstore/counts"},
		{"fromcache/fsstore/counts", "fromcache/fsstore/queries"},
		{"fromcache/fsstore/counts", "golang.org/x/time/rate"},
		{"fromcache/fsstore/queries", "fromcache/fsstore/held"},
		{"fromcache/fsstore/held", "fromcache/fsstore/spool"},
		{"fromcache/fsstore/held", "fromcache/fsstore"},
		{"fromcache/fsstore/spool", "fromcache/fsstore/misses"},
		{"fromcache/fsstore/misses", "fromcache/fsstore/verbs"},
		{"fromcache/fsstore/misses", "fromcache/fsstore/view"},
		{"fromcache/fsstore/verbs", "fromcache/fsstore/active"},
		{"fromcache/fsstore/active", "fromcache/fsstore/upkeep"},
		{"fromcache/fsstore/active", "fromcache/fsstore/internal/storetest"},
		{"fromcache/fsstore/active", "fromcache/fsstore/transfer"},
		{"fromcache/fsstore/transfer", "fromcache/fsstore/upkeep"},
		{"fromcache/fsstore/upkeep", "fromcache/fsstore/view"},
		{"fromcache/fsstore/upkeep", "fromcache/fsstore/fetch"},
		{"fromcache/fsstore/view", "fromcache/fsstore/active"},
		{"fromcache/fsstore/journal", "fromcache/fsstore/view"},
		{"fromcache/cmd/fromcache", "fromcache/fsstore/journal"},
		{"fromcache/fsstore/view", "fromcache/fsstore/queries"},
		{"fromcache/httpd", "fromcache/fsstore/held"},
		{"fromcache/httpd/pages", "fromcache/fsstore/spool"},
		{"fromcache/cmd/fromcache", "fromcache/fsstore/active"},
		{"fromcache/cmd/fromcache", sqlite},
		{"fromcache/fsstore", sqlite},
		{"fromcache/templates", "fromcache/fsstore"},
		{"fromcache/shim", "fromcache/fsstore/key"},
		{"fromcache/shim", "net/http"},
		{"fromcache/shim", "github.com/gorilla/sessions"},
		{"fromcache/shim", "fmt"},
		{"fromcache/shim/options", "fromcache/httpd"},
		{"fromcache/shim/options", "fromcache/shim/plan"},
		{"fromcache/shim/call", "fromcache/shim/plan"},
		{"fromcache/shim/plan", "os"},
		{"fromcache/shim/plan", "fromcache/shim/probe"},
		{"fromcache/shim/realtool", "fromcache/shim/probe"},
		{"fromcache/shim/probe", "fromcache/shim/setup"},
		{"fromcache/shim/probe", "net/http"},
		{"fromcache/shim/probe", "crypto/tls"},
		{"fromcache/shim", "fromcache/shim/secure"},
		{"fromcache/shim/secure", "net/http"},
		{"fromcache/shim/setup", "fromcache/shim"},
		{"fromcache/cmd/fromcache-shim", "fromcache/fsstore"},
		{"fromcache/attic", "os"},
	} {
		if objection(edge[0], edge[1]) == "" {
			t.Errorf("%s may import %s", edge[0], edge[1])
		}
	}
}
