package shim

import (
	"io/fs"
	"strings"
	"testing"
)

// held is a probe that holds every URL with "held" in it, on its question's first cache.
func held(questions []Question) []Answer {
	out := make([]Answer, len(questions))
	for i, q := range questions {
		out[i] = Answer{Cache: -1, Reason: "not held"}
		if strings.Contains(q.t.String(), "held") {
			out[i] = Answer{Cache: 0}
		}
	}
	return out
}

// plan decides about a command line with a cache at http://cache.lab:3000 that holds every URL with "held" in it.
func plan(line []string, env ...string) Decision {
	tool := Curl
	if line[0] == "wget" {
		tool = Wget
	}
	return Plan(Input{
		Tool: tool, Args: line[1:], Env: append(Env{"FROMCACHE_SERVER=http://cache.lab:3000", "HOME=/home/u"}, env...),
		Real: line[0], Read: func(string) ([]byte, error) { return nil, fs.ErrNotExist }, Ask: held,
	})
}

func TestPlanRewrites(t *testing.T) {
	const u = "https://ex.test/held/f.run?v=1"
	cached := "http://cache.lab:3000/b/" + token(u) + "/f.run"
	for _, c := range []struct{ line, want string }{
		{"curl -fsSLO U", "-fsSLO C"},
		{"curl -o out U -sS", "-o out C -sS"},
		{"curl --url U", "--url C"},
		{"curl --url=U", "--url=C"},
		{"wget -q U", "-q C?v=1"},
		{"wget -qO- U", "-qO- C"},
		{"curl -u a:b U", "-u a:b U"},
		{"curl -d x U", "-d x U"},
	} {
		line := strings.Fields(strings.ReplaceAll(c.line, "U", u))
		want := strings.ReplaceAll(strings.ReplaceAll(c.want, "U", u), "C", cached)
		if got := strings.Join(plan(line).Args, " "); got != want {
			t.Errorf("%s:\n got %s\nwant %s", c.line, got, want)
		}
	}
}
