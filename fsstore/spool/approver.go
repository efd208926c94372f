package spool

import (
	"os"
	"os/user"
	"strconv"
	"syscall"

	"fromcache/fsstore/job"
)

// ApproverOf names the owner of a file in queue/ that a person wrote: it has no log
// yet. Who writes a URL there approves it. "" is nobody in particular: who has
// moved a file leaves no trace in it.
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
