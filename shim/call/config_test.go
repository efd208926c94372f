package call

import (
	"io/fs"
	"reflect"
	"strings"
	"testing"
)

// home is a call with one configuration file.
func home(tool Tool, path, text string) Source {
	return Source{Tool: tool, Args: []string{"https://v.example/a"}, Env: Env{"HOME=/home/u"}, Real: tool.String(),
		Read: func(p string) ([]byte, error) {
			if p == path {
				return []byte(text), nil
			}
			return nil, fs.ErrNotExist
		}}
}

func TestParseCurlrc(t *testing.T) {
	got := parseCurlrc("a=b\n c : \"d \\\"e\\\" \\n\\q\" rest\n--f=g h\n-i j\nk\nl =  m n\n\"o\" p\nq=")
	want := []rcLine{{"a", "b", true}, {"c", "d \"e\" \nq", true}, {"--f=g", "h", true}, {"-i", "j", true}, {"k", "", false},
		{"l", "m", true}, {`"o"`, "p", true}, {"q", "", false}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func FuzzParseCurlrc(f *testing.F) {
	f.Add("silent\nuser = \"a\\\"b\"\n-o x\n--next")
	f.Fuzz(func(t *testing.T, text string) {
		for _, l := range parseCurlrc(text) {
			if l.name == "" && !strings.ContainsAny(text, "=:") || strings.ContainsAny(l.name, blanks) || l.value != "" && !l.set {
				t.Errorf("%+v", l)
			}
		}
		Read(home(Curl, "/home/u/.curlrc", text))
	})
}

func FuzzParseWgetrc(f *testing.F) {
	f.Add("tries = 3\n# x\n user=\nfoo")
	f.Fuzz(func(t *testing.T, text string) {
		for _, l := range parseWgetrc(text) {
			if strings.HasPrefix(l.name, "#") || l.value != "" && !l.set {
				t.Errorf("%+v", l)
			}
		}
		Read(home(Wget, "/home/u/.wgetrc", text))
	})
}

func FuzzNetrc(f *testing.F) {
	f.Add("machine a login b password \"c d\"\nmacdef x\n\ndefault", "a")
	f.Fuzz(func(t *testing.T, text, host string) {
		NetrcNames(text, host)
		plain := host != "" && strings.Trim(host, "abcdefghijklmnopqrstuvwxyz.-") == ""
		if plain && !NetrcNames("machine "+host+" login x\n"+text, host) {
			t.Errorf("%q not found", host)
		}
	})
}
