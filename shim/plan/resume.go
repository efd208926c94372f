package plan

import (
	"errors"
	"io/fs"
	"path"
	"strings"

	"fromcache/shim/call"
)

// A call that resumes (curl -C -, wget -c) goes on with an output file that may be of another
// version than the one that is held now. Bytes of both would make a file that nobody ever
// published, with exit status 0. So such a call hits only where the output file is absent or empty,
// or begins and ends as what is held does.

// resumed returns the output file that the tool goes on with for URL i of a group, empty if it
// begins anew, or why that can't be told. It does not guess a name that a release of the tool, or
// its options, could write in another way.
func (p *planner) resumed(g *call.Group, i int, t URL) (file, reason string) {
	names, sure := p.outputs(g, i, t)
	for _, name := range names {
		size, err := p.Size(name)
		if errors.Is(err, fs.ErrNotExist) || err == nil && size == 0 {
			continue
		}
		if file = name; err != nil {
			sure = false
		}
	}
	if !sure || file != "" && len(names) > 1 {
		return "", g.Resume + " goes on with a file whose name can't be told for sure"
	}
	return file, ""
}

// outputs returns the names of which one is the output file of URL i, none for standard output, and
// whether they are certain.
func (p *planner) outputs(g *call.Group, i int, t URL) (names []string, sure bool) {
	if p.Tool == call.Wget {
		return p.wgetOutputs(g, t)
	}
	file := ""
	switch {
	case g.SavesByName(i):
		file = t.Name()
		if strings.Contains(g.URLs[i].Text, "?") { // up to 7.85 curl keeps the query in the name
			names = append(names, joined(g.OutputDir, file+t.Query))
		}
	case i < len(g.Outputs):
		file = g.Outputs[i].File
	}
	if file == "" || file == "-" {
		return nil, len(g.URLs) == 1 // of several URLs it would begin where the one before it did
	}
	// A fragment was part of the name once, and what follows the last slash of a query; #1 stands
	// for part of a pattern.
	sure = !strings.Contains(g.URLs[i].Text+file, "#") &&
		!(g.SavesByName(i) && strings.Contains(t.Query, "/"))
	return append(names, joined(g.OutputDir, file)), sure
}

// wgetOutputs is outputs for wget, which writes some bytes of a URL's name differently, and keeps
// its query.
func (p *planner) wgetOutputs(g *call.Group, t URL) (names []string, sure bool) {
	if g.OutFile {
		return []string{g.Document}, g.Document != "" && !g.PlacedByRC
	}
	name := t.Name() + t.Query
	unusual := func(r rune) bool {
		return r >= 0x80 || !call.IsAlnum(byte(r)) && !strings.ContainsRune("._+-=&,;:@~?", r)
	}
	if strings.ContainsFunc(name, unusual) {
		return nil, false
	}
	sure = t.Name() != "" && len(name) < 200 && strings.Count(name, "?") < 2 &&
		!g.Renamed && !g.PlacedByRC && !strings.HasPrefix(g.Prefix, "~") &&
		(t.Query == "" || p.Real != "wget2" && p.Real != "busybox")
	if g.Prefix != "" {
		name = strings.TrimRight(g.Prefix, "/") + "/" + name
	}
	return []string{name}, sure
}

func joined(dir, name string) string {
	if dir == "" {
		return name
	}
	return dir + "/" + name
}

// sharesFile reports whether two URLs of a group could be saved to one file, because the file that
// is compared now would then be another for the second.
func sharesFile(g *call.Group) bool {
	seen := map[string]bool{}
	for i, w := range g.URLs {
		name := ""
		if i < len(g.Outputs) && !g.Outputs[i].Remote {
			name = path.Clean(g.Outputs[i].File)
		} else if !g.OutFile {
			name = w.Text
			if end := strings.IndexAny(name, "?#"); end >= 0 {
				name = name[:end]
			}
			name = name[strings.LastIndexByte(name, '/')+1:]
		}
		if seen[name] {
			return true
		}
		seen[name] = true
	}
	return false
}
