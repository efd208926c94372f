package spool

import (
	"os"
	"os/user"
	"strconv"
	"syscall"

	"fromcache/fsstore/job"
)

// ApproverOf returns the owner of a file in queue/ that has no log yet, because whoever writes a
// URL there approves it. It returns "" where the jobs have a log: then the file was moved, and
// nothing tells who moved it.
func ApproverOf(f *os.File, jobs []job.Job) string {
	for i := range jobs {
		if len(jobs[i].Events) > 0 {
			return ""
		}
	}
	info, err := f.Stat()
	if err != nil {
		return ""
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return ""
	}
	id := strconv.FormatUint(uint64(st.Uid), 10)
	if u, err := user.LookupId(id); err == nil {
		return u.Username
	}
	return "uid-" + id
}
