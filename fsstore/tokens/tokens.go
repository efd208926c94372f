// Package tokens owns tokens/: a file for each token by which a program proves to the API that it
// may read or operate. The file is named as the token is, and holds lines:
//
//	sha256 <64 hex digits>              of the token, which is kept nowhere
//	role read                           or operate
//	expires 2030-01-31T02:00:00Z        or never
//	2029-11-02T02:00:00Z add cli alice  who made it
//
// A token is its name, a dot and 32 random bytes in base64url. It is stored as a plain SHA-256:
// slow password hashes keep words that people choose from being tried one after the other, and
// nobody can try 2^256 random tokens at any speed. What is signed in is decided at each request
// from the file alone, so that rm tokens/NAME revokes it at the next one.
//
// A file that lacks a line, has one twice or one that is not known, is longer than 4 KiB or no
// regular file is no token: a half-written one may lack the line that ends it.
package tokens

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"fromcache/fsstore/health"
	"fromcache/fsstore/internal/tree"
)

// Dir is the directory of the tokens in the data directory.
const Dir = "tokens"

// Tokens are the tokens of one data directory.
type Tokens struct {
	tree   *tree.Tree
	health *health.Monitor
}

// New returns the Tokens of one data directory, on the rooms below it.
func New(t *tree.Tree, h *health.Monitor) *Tokens { return &Tokens{t, h} }

// ErrNoToken says that a bearer proves nothing here.
var ErrNoToken = errors.New("this token is not known here")

// AddToken makes a token, and returns what its bearer has to send. by says who made it. Zero expires
// is never. When it returns nil the token survives a power cut. A token of that name is
// fs.ErrExist.
func (s *Tokens) AddToken(name string, role Role, expires time.Time, by string) (bearer string, err error) {
	if !isName(name) {
		return "", fmt.Errorf("%.80q can't name a token: give at most %d small letters, digits, - and _, beginning with a letter or digit", name, maxName)
	}
	random := make([]byte, 32)
	rand.Read(random)
	bearer = name + "." + base64.RawURLEncoding.EncodeToString(random)
	f, err := s.tree.WriteTemp([]byte(textOf(bearer, role, expires, by)), 0o640, true)
	if err != nil {
		return "", err
	}
	defer f.Close()
	err = tree.RenameNew(f.Name(), s.tree.Path(Dir, name))
	if err != nil {
		os.Remove(f.Name())
	}
	if errors.Is(err, fs.ErrExist) {
		return "", nameError{fmt.Sprintf("there is a token %[1]s: remove it first, fromcache token rm %[1]s, "+
			"or give another name", name), fs.ErrExist}
	}
	if err != nil {
		return "", err
	}
	return bearer, tree.SyncDir(s.tree.Path(Dir, ""))
}

// RemoveToken removes tokens/<name>, token or not. When it returns nil the removal survives a power
// cut.
func (s *Tokens) RemoveToken(name string) error {
	path := s.tree.Path(Dir, name)
	if !tree.Plain(name) || !tree.Exists(path) {
		return nameError{fmt.Sprintf("there is no token %.80q: fromcache token ls lists them", name), fs.ErrNotExist}
	}
	if err := os.Remove(path); err != nil {
		return err
	}
	return tree.SyncDir(s.tree.Path(Dir, ""))
}

// nameError is fs.ErrExist or fs.ErrNotExist in words about tokens.
type nameError struct {
	text string
	is   error
}

func (e nameError) Error() string        { return e.text }
func (e nameError) Is(target error) bool { return target == e.is }

// ListTokens lists the files of tokens/ by name. One that is no token has a Flaw.
func (s *Tokens) ListTokens() ([]Token, error) {
	names, err := s.tree.Names(Dir)
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	list := make([]Token, 0, len(names))
	for _, name := range names {
		if t, ok := s.look(name); ok {
			list = append(list, t)
		}
	}
	return list, nil
}

// TokenFlaw says why tokens/<name> is no token, "" where it is one or is gone.
func (s *Tokens) TokenFlaw(name string) string {
	t, _ := s.look(name)
	return t.Flaw
}

// look returns what tokens/<name> is; false: it is gone.
func (s *Tokens) look(name string) (Token, bool) {
	t, err := s.read(name)
	switch {
	case errors.Is(err, tree.ErrNotRegular):
		t.Flaw = "it is no regular file"
	case errors.Is(err, fs.ErrNotExist):
		return t, false
	case err != nil:
		t.Flaw = "it can't be read: give it to the server's user or group"
	}
	return t, true
}

// CheckToken returns the token that a bearer sent. ErrNoToken: it is none of this directory, or has
// expired; then the error says what to do.
func (s *Tokens) CheckToken(bearer string) (Token, error) {
	name, _, _ := strings.Cut(bearer, ".")
	if !isName(name) {
		return Token{}, ErrNoToken
	}
	t, err := s.read(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.health.Complain("a token", err)
	}
	sum := sha256.Sum256([]byte(bearer))
	if err != nil || t.Flaw != "" || subtle.ConstantTimeCompare(sum[:], t.sum[:]) != 1 {
		return Token{}, ErrNoToken
	}
	if t.HasExpired() {
		return Token{}, fmt.Errorf("%w: %s expired at %s: make another one", ErrNoToken, name, t.Expires.Format(time.RFC3339))
	}
	return t, nil
}

func (s *Tokens) read(name string) (Token, error) {
	b, err := tree.ReadFile(s.tree.Path(Dir, name), maxFile+1)
	if err != nil {
		return Token{Name: name}, err
	}
	return parse(name, string(b)), nil
}

func textOf(bearer string, role Role, expires time.Time, by string) string {
	sum := sha256.Sum256([]byte(bearer))
	end := never
	if !expires.IsZero() {
		end = expires.UTC().Format(time.RFC3339)
	}
	return fmt.Sprintf("sha256 %s\nrole %s\nexpires %s\n%s add %s\n",
		hex.EncodeToString(sum[:]), role, end, tree.Now().UTC().Format(time.RFC3339), by)
}
