package tree

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

const secretSize = 32

// SessionSecret returns the key of the sign-in cookies: 32 random bytes, which the first call makes
// and keeps in session-secret, mode 0600. It makes a new key if others could read or change it. For
// a replica the key is new each time, and kept nowhere.
func (t *Tree) SessionSecret() ([]byte, error) {
	if t.ReadOnly {
		b := make([]byte, secretSize)
		rand.Read(b)
		return b, nil
	}
	path := t.Root + "/session-secret"
	for range 3 {
		b, err := t.readSecret(path)
		if !errors.Is(err, fs.ErrNotExist) {
			return b, err
		}
		b, err = t.makeSecret(path)
		if !errors.Is(err, fs.ErrExist) { // else another server made it at this moment
			return b, err
		}
	}
	return nil, fmt.Errorf("%s vanishes as it is made", path)
}

// Name returns a name of this directory for others: 16 hex digits, the same for all servers on it
// and at each start, which tell nothing of the secret. A copy of the directory has another name,
// because the number of the secret's file is part of it. That of a replica is new at each start.
func (t *Tree) Name() (string, error) {
	if t.ReadOnly {
		return t.id, nil
	}
	secret, err := t.SessionSecret()
	if err != nil {
		return "", err
	}
	var st unix.Stat_t
	if err := unix.Stat(t.Root+"/session-secret", &st); err != nil {
		return "", err
	}
	mac := hmac.New(sha256.New, secret)
	fmt.Fprintf(mac, "name %d", st.Ino)
	return hex.EncodeToString(mac.Sum(nil)[:8]), nil
}

func (t *Tree) readSecret(path string) ([]byte, error) {
	f, err := Open(path, os.O_RDONLY)
	switch {
	case errors.Is(err, ErrNotRegular):
		return nil, badSecret(path, "is "+whatIs(path))
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("%w: give it to the server's user, mode 0600", err)
	case err != nil:
		return nil, err
	}
	defer f.Close()
	b, err := Slurp(f, 1<<10)
	if err != nil {
		return nil, err
	}
	if len(b) < secretSize {
		return nil, badSecret(path, fmt.Sprintf("holds %d bytes, too few for a key", len(b)))
	}
	return b, t.dropShared(f, path)
}

func badSecret(path, what string) error {
	return fmt.Errorf("%s %s: remove it and start again; a new key is made, and every session ends",
		path, what)
}

// dropShared removes a key that others could read or change, and then returns fs.ErrNotExist. A
// chmod would not be enough, because who has read the key can sign cookies as long as it is used.
func (t *Tree) dropShared(f *os.File, path string) error {
	info, err := f.Stat()
	if err != nil || info.Mode().Perm()&0o077 == 0 { //guard:TestSessionSecretOfOthersIsMadeAnew
		return err
	}
	if StillNames(f, path) { // if not, another server has made it anew
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	t.Log.Warn("others could read or change session-secret: it is made anew, and every session ends",
		"mode", info.Mode().String())
	return fs.ErrNotExist
}

// makeSecret writes a new key and returns it. It does not read it back, because on a file system
// without modes readSecret would find it shared each time.
func (t *Tree) makeSecret(path string) ([]byte, error) {
	b := make([]byte, secretSize)
	rand.Read(b)
	if err := t.writeNew(string(b), path, 0o600, true); err != nil {
		return nil, err
	}
	return b, SyncDir(t.Root) //guard:fsstore/active.TestEachStepIsSynced
}
