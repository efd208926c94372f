package fitness

import "golang.org/x/sys/unix"

// fileSystem returns the type of the file system that dir is on, or "".
func fileSystem(dir string) string {
	var st unix.Statfs_t
	if unix.Statfs(dir, &st) != nil {
		return ""
	}
	return unix.ByteSliceToString(st.Fstypename[:])
}
