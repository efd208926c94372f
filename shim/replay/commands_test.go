package replay

import (
	"bufio"
	"cmp"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// command is a command line and how often it was seen.
type command struct {
	argv []string
	n    int
	left bool   // its downloads need not hit
	turn string // whether it is run once more in the same directory: as it is, or with half of each file gone
}

// What a command may find from an earlier run.
const (
	again = "again"
	cut   = "cut"
)

func (c command) String() string {
	words := make([]string, len(c.argv))
	for i, w := range c.argv {
		if words[i] = w; w == "" || strings.ContainsAny(w, " \t\n'\"$&|;<>()*?[]{}#\\`") {
			words[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
	}
	if c.turn != "" {
		words = append(words, " # "+c.turn)
	}
	return strings.Join(words, " ")
}

// dirs are directories that a script would have made before: those of words that look like paths.
func (c command) dirs() (dirs []string) {
	for _, w := range c.argv[1:] {
		if strings.HasPrefix(w, "-") {
			_, w, _ = strings.Cut(w, "=")
		}
		if dir := filepath.Dir(w); strings.Contains(w, "/") && !strings.Contains(w, "://") && strings.HasPrefix(dir, "/") && !strings.HasPrefix(dir, "/dev") && !strings.HasPrefix(dir, "/proc") {
			dirs = append(dirs, dir)
		} else if strings.Contains(w, "/") && !strings.Contains(w, "://") {
			dirs = append(dirs, home+"/"+dir)
		}
	}
	return dirs
}

// leftToTheTool begins the part of the file whose downloads need not hit.
const leftToTheTool = "# Left to the real tool"

// readCommands reads the command lines.
func readCommands(t *testing.T) (list []command) {
	name := cmp.Or(os.Getenv("FROMCACHE_COMMANDS"), "testdata/commands.txt")
	f, err := os.Open(name)
	must(t, err)
	defer f.Close()
	left := false
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		switch {
		case strings.HasPrefix(line, leftToTheTool):
			left = true
		case line == "" || strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "{"):
			var c struct {
				Argv []string
				N    int
			}
			must(t, json.Unmarshal([]byte(line), &c))
			list = append(list, command{argv: c.Argv, n: c.N})
		default:
			list = append(list, command{argv: words(line), n: 1, left: left})
		}
	}
	must(t, lines.Err())
	for _, c := range slices.Clone(list) {
		if looksAtFiles.MatchString(c.String()) {
			list = append(list, command{argv: c.argv, left: true, turn: again}, command{argv: c.argv, left: true, turn: cut})
		}
	}
	return list
}

// looksAtFiles are options by which a file that is there counts.
var looksAtFiles = regexp.MustCompile(` (-C|--continue-at|-c|--continue|-N|-NP|--timestamping|-nc|--no-clobber|-z)\b`)

// words splits a line at blanks that are not between quotes.
func words(line string) (list []string) {
	word, quoted, open := "", false, false
	for _, r := range line + " " {
		switch {
		case r == '\'':
			quoted, open = !quoted, true
		case r == ' ' && !quoted:
			if open || word != "" {
				list = append(list, word)
			}
			word, open = "", false
		default:
			word += string(r)
		}
	}
	return list
}

var portInURL = regexp.MustCompile(`:(\d{2,5})\b`)

// ports are those at which the command lines expect somebody.
func ports(list []command) []int {
	found := []int{80, 443}
	for _, c := range list {
		for _, w := range c.argv[1:] {
			for _, m := range portInURL.FindAllStringSubmatch(w, -1) {
				if p, _ := strconv.Atoi(m[1]); p > 79 && p < 65536 && p != cachePort && p != tlsPort && !slices.Contains(found, p) {
					found = append(found, p)
				}
			}
		}
	}
	return found
}
