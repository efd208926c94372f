package tree_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"fromcache/fsstore"
	"fromcache/fsstore/internal/storetest"
)

// A session-secret that is none is refused with what it is and what to do, and
// doing it helps.
func TestSessionSecretSaysWhatItIs(t *testing.T) {
	for script, says := range map[string]string{
		": > session-secret":                "holds 0 bytes",
		"echo short > session-secret":       "holds 6 bytes",
		"mkdir session-secret":              "is a directory",
		"ln -s nowhere session-secret":      "is a link",
		"ln -s ../key session-secret":       "is a link",
		"mkfifo session-secret":             "is a FIFO",
		"ln -s /dev/zero session-secret":    "is a link",
		"mkdir -p session-secret/full/tree": "is a directory",
	} {
		s := storetest.TestStore(t)
		storetest.Run(t, s.Dir(), "head -c 32 /dev/zero > ../key; chmod 600 ../key; "+script)
		_, err := s.SessionSecret()
		if err == nil || !strings.Contains(err.Error(), "/session-secret "+says) || !strings.Contains(err.Error(), "remove it and start again") {
			t.Errorf("%s: %v", script, err)
		}
		storetest.Run(t, s.Dir(), "rm -r session-secret; ! ls -A tmp | grep .")
		storetest.SecretOf(t, s)
	}
}

// A key that others could read or set is known to them, whatever its mode is
// later.
func TestSessionSecretOfOthersIsMadeAnew(t *testing.T) {
	for _, mode := range []string{"644", "640", "660", "606", "610"} {
		log := &bytes.Buffer{}
		s := storetest.OpenAt(t, t.TempDir()+"/data", fsstore.Options{Logger: slog.New(slog.NewTextHandler(log, nil))})
		known := storetest.SecretOf(t, s)
		if again := storetest.SecretOf(t, s); again != known || log.Len() > 0 {
			t.Fatalf("a key of our own is not kept:\n%s", log)
		}
		storetest.Run(t, s.Dir(), "chmod "+mode+" session-secret")
		made := storetest.SecretOf(t, s)
		if made == known || strings.Count(log.String(), "others could read or change session-secret") != 1 {
			t.Errorf("mode %s: the key that others know is kept, or nothing is said:\n%s", mode, log)
		}
		storetest.Run(t, s.Dir(), "test $(stat -c %a session-secret) = 600; ! ls -A tmp | grep .")
		if again := storetest.SecretOf(t, s); again != made {
			t.Errorf("mode %s: the new key is not kept", mode)
		}
	}
}
