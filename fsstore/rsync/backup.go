package rsync

import (
	"context"
	"slices"
)

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
	var gone []string // asks for removal
	if s.o.Delete {
		gone = []string{"--delete"}
	}
	for _, args := range [][]string{
		{s.dir + "/README"}, // first, so that a backup that is broken off is known for one
		slices.Concat(gone, []string{s.dir + "/meta"}),
		slices.Concat(gone, []string{s.dir + "/done"}), // alone, because one run for both lists meta/ before it reads done/
		{s.dir + "/meta"},                              // removes nothing, because the copied done/ may not know of an evict
		slices.Concat(gone, rest),
		slices.Concat(gone, rest), // twice, for what gc moves meanwhile
	} {
		if err := s.write(ctx, nil, append(args, dest)...); err != nil {
			return err
		}
	}
	return nil
}
