package tokens_test

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"
	"time"

	"fromcache/fsstore"
	"fromcache/fsstore/internal/storetest"
)

func add(t *testing.T, s *fsstore.Store, name string, role fsstore.Role, expires time.Time) string {
	t.Helper()
	bearer, err := s.AddToken(name, role, expires, "cli test")
	if err != nil {
		t.Fatal(err)
	}
	return bearer
}

// A token proves who it is for as long as its file is there and its time is not over.
func TestToken(t *testing.T) {
	s := storetest.TestStore(t)
	bearer := add(t, s, "ci", fsstore.RoleOperate, time.Now().Add(time.Hour))
	got, err := s.CheckToken(bearer)
	if err != nil || got.Name != "ci" || got.Role != fsstore.RoleOperate || got.By != "cli test" {
		t.Fatalf("%+v, %v", got, err)
	}
	text, err := os.ReadFile(s.Dir() + "/tokens/ci")
	if err != nil || strings.Contains(string(text), strings.TrimPrefix(bearer, "ci.")) {
		t.Errorf("the file holds the token itself, %v:\n%s", err, text)
	}
	storetest.Run(t, s.Dir(), "test $(stat -c %a tokens/ci) = 640; ! ls -A tmp | grep .")
	for _, wrong := range []string{"", "ci", "ci.", ".", bearer + "x", bearer[:len(bearer)-1], "cd" + bearer[2:], "../tokens/" + bearer, strings.ToUpper(bearer)} {
		if _, err := s.CheckToken(wrong); !errors.Is(err, fsstore.ErrNoToken) {
			t.Errorf("%q: %v", wrong, err)
		}
	}
	if _, err := s.AddToken("ci", fsstore.RoleRead, time.Time{}, "cli test"); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a second token of that name: %v", err)
	}
	storetest.Run(t, s.Dir(), "mv tokens/ci tokens/.ci") // put off by an operator
	if _, err := s.CheckToken(bearer); !errors.Is(err, fsstore.ErrNoToken) {
		t.Errorf("renamed: %v", err)
	}
	storetest.Run(t, s.Dir(), "mv tokens/.ci tokens/ci")
	if err := s.RemoveToken("ci"); err != nil {
		t.Error(err)
	}
	if _, err := s.CheckToken(bearer); !errors.Is(err, fsstore.ErrNoToken) {
		t.Errorf("removed: %v", err)
	}
	if err := s.RemoveToken("ci"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("removed twice: %v", err)
	}
}

func TestExpiredToken(t *testing.T) {
	s := storetest.TestStore(t)
	bearer := add(t, s, "old", fsstore.RoleRead, time.Now().Add(-time.Minute))
	if _, err := s.CheckToken(bearer); !errors.Is(err, fsstore.ErrNoToken) || !strings.Contains(err.Error(), "old expired at") {
		t.Errorf("%v", err)
	}
	if _, err := s.CheckToken(bearer + "x"); !errors.Is(err, fsstore.ErrNoToken) || strings.Contains(err.Error(), "expired") {
		t.Errorf("who lacks the token is told of it: %v", err)
	}
	if _, err := s.CheckToken(add(t, s, "always", fsstore.RoleRead, time.Time{})); err != nil {
		t.Error(err)
	}
}

// What is in tokens/ and is not whole lets nobody in, and is told of.
func TestWhatIsNoToken(t *testing.T) {
	for script, flaw := range map[string]string{
		"head -c 90 ../ci > tokens/ci":                       "its last line has no end",
		"head -n 2 ../ci > tokens/ci":                        "it lacks the line expires",
		"grep -v role ../ci > tokens/ci":                     "it lacks the line role",
		"grep -v sha256 ../ci > tokens/ci":                   "it lacks the line sha256",
		"cat ../ci ../ci > tokens/ci":                        "it has two lines sha256",
		"sed 's/operate/admin/' ../ci > tokens/ci":           "its role is neither",
		"sed 's/never/soon/' ../ci > tokens/ci":              "its expires is neither",
		"sed 's/sha256 ./sha256 /' ../ci > tokens/ci":        "its sha256 has not",
		"cp ../ci tokens/ci; echo grant all >> tokens/ci":    "a line \"grant\"",
		"{ cat ../ci; yes '#' | head -n 4000; } > tokens/ci": "it is longer than 4096 bytes",
		"ln -s ../../ci tokens/ci":                           "it is no regular file",
		"mkfifo tokens/ci":                                   "it is no regular file",
		"mkdir tokens/ci":                                    "it is no regular file",
		": > tokens/ci":                                      "its last line has no end",
		"cp ../ci 'tokens/C I'":                              "no token has such a name",
	} {
		t.Run(script, func(t *testing.T) {
			s := storetest.TestStore(t)
			bearer := add(t, s, "ci", fsstore.RoleOperate, time.Time{})
			storetest.Run(t, s.Dir(), "mv tokens/ci ../ci; "+script)
			if got, err := s.CheckToken(bearer); !errors.Is(err, fsstore.ErrNoToken) {
				t.Errorf("it lets in %+v, %v", got, err)
			}
			list, err := s.ListTokens()
			if err != nil || len(list) != 1 || !strings.Contains(list[0].Flaw, flaw) {
				t.Errorf("%+v, %v", list, err)
			}
		})
	}
}

func TestNamesOfTokens(t *testing.T) {
	s := storetest.TestStore(t)
	for _, name := range []string{"", ".ci", "-ci", "CI", "a.b", "a/b", "../x", "a b", strings.Repeat("a", 25)} {
		if _, err := s.AddToken(name, fsstore.RoleRead, time.Time{}, "cli test"); err == nil || !strings.Contains(err.Error(), "can't name a token") {
			t.Errorf("%q: %v", name, err)
		}
	}
}
