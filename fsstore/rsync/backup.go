package rsync

import "context"

// Backup copies everything that is needed to restore the data directory, as fromcache help backup
// says, to a destination as rsync takes it. Unless Options.Delete is set it removes nothing there.
func (s *Syncer) Backup(ctx context.Context, dest string) error {
	dest = under(dest)
	if _, err := s.check(ctx, dest, true); err != nil {
		return err
	}
	unlock, err := lock(dest)
	if err != nil {
		return err
	}
	defer unlock()
	rest := []string{
		"--exclude=/done", "--exclude=/meta", "--exclude=/session-secret", "--exclude=/lost+found",
		"--exclude=/" + markName, "--include=/tmp/*.gone", "--exclude=/tmp/*", s.dir + "/",
	}
	for _, args := range [][]string{
		{s.dir + "/README"}, // first, so that a backup that is broken off is known for one
		{s.dir + "/meta"},
		{s.dir + "/done", s.dir + "/meta"},
		rest, rest, // twice, for what gc moves meanwhile
	} {
		if s.o.Delete {
			args = append([]string{"--delete"}, args...)
		}
		if err := s.write(ctx, nil, append(args, dest)...); err != nil {
			return err
		}
	}
	return nil
}
