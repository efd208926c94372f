package published

import (
	"regexp"
	"slices"
	"strings"
)

// The lines of a list, see sha256sum(1) of GNU and sha256(1) of BSD. GNU writes a line that begins
// with a backslash for a name with a line end in it: no URL has one.
var (
	gnuLine  = regexp.MustCompile(`^([0-9A-Fa-f]{64})[ \t]+\*?(\S.*)$`)
	bsdLine  = regexp.MustCompile(`^SHA256 ?\((.+)\) ?= ?([0-9A-Fa-f]{64})$`)
	bareLine = regexp.MustCompile(`^[0-9A-Fa-f]{64}$`)
)

// sumsIn returns the digests, in lower case, that a list names for the file at a path: each once.
// Several are for a person to judge. ofMany says that it is a list of a directory; another may hold
// the digest alone.
func sumsIn(text, path string, ofMany bool) (sums []string) {
	add := func(sum string) {
		if sum = strings.ToLower(sum); !slices.Contains(sums, sum) {
			sums = append(sums, sum)
		}
	}
	bare := ""
	others := 0
	for line := range strings.Lines(strings.TrimPrefix(text, "\ufeff")) {
		line = strings.TrimRight(line, " \t\r\n")
		if m := gnuLine.FindStringSubmatch(line); m != nil && isFile(m[2], path) {
			add(m[1])
		} else if m := bsdLine.FindStringSubmatch(line); m != nil && isFile(m[1], path) {
			add(m[2])
		} else if bareLine.MatchString(line) && bare == "" {
			bare = line
		} else if line != "" {
			others++
		}
	}
	if len(sums) == 0 && bare != "" && others == 0 && !ofMany {
		add(bare)
	}
	return sums
}

// isFile reports whether a name in a list, which may have a path, is the file at path. "sub/x" in the
// list of /dir/ is not /dir/x.
func isFile(name, path string) bool {
	name = strings.TrimPrefix(name, "./")
	return name != "" && !strings.HasSuffix(name, "/") && strings.HasSuffix(path, "/"+strings.TrimPrefix(name, "/"))
}
