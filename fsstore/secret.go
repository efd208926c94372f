package fsstore

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
)

// SessionSecret returns the key of the sign-in cookies, 32 random bytes that
// are made at the first call and kept in session-secret, mode 0600.
func (s *Store) SessionSecret() ([]byte, error) {
	path := s.dir + "/session-secret"
	for range 2 {
		b, err := readFile(path, 1<<10)
		if err == nil && len(b) >= 32 {
			return b, nil
		}
		if err == nil {
			return nil, fmt.Errorf("%s holds %d bytes, too few for a key: remove it and start again", path, len(b))
		}
		if !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
		if err := s.makeSecret(path); err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("%s vanishes as it is made", path)
}

func (s *Store) makeSecret(path string) error {
	b := make([]byte, 32)
	rand.Read(b)
	f, err := s.writeTemp(b, 0o600, true)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := renameNew(f.Name(), path); err != nil {
		os.Remove(f.Name())
		if !errors.Is(err, os.ErrExist) {
			return err
		}
	}
	return syncDir(s.dir)
}
