// Package fitness tells what a file system can do for a data directory. It tries what the server
// relies on: that one of two makers of a name wins, that a lock holds, that a rename replaces, that
// a reader keeps what it has opened, that modes and sizes are told. What one host can't see, because
// it shows only between several, is taken from a table of file systems that were tried.
package fitness

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"strings"
)

// Fit is what a file system is fit for.
type Fit int

// The verdicts, from the worst on.
const (
	ForNone Fit = iota
	ForOneHost
	ForSeveral
)

func (f Fit) String() string {
	return [...]string{"not fit", "fit for one host", "fit for several hosts"}[f]
}

// Report is what is known of the file system of a directory.
type Report struct {
	FileSystem string // as mount names it, such as ext4 or fuse.mfs; "" where that is not known
	Fit        Fit
	Why        []string // each a sentence, with what to do
}

// Test tries the file system of dir, which exists, with files that it makes in dir and removes again.
// Their names begin with a dot: what a kill leaves of them in tmp/ is half-written, and gc removes it.
// An error is that it could not be tried: dir can't be written to, for instance.
func Test(dir string) (r Report, err error) {
	r = known(fileSystem(dir))
	prefix := ".fitness-" + rand.Text() + "-"
	defer func() { err = errors.Join(err, removeAll(dir, prefix)) }()
	for _, try := range tries {
		why := try(dir + "/" + prefix)
		if why == nil {
			continue
		}
		if !errors.As(why, new(cannotError)) {
			return r, why
		}
		r.Fit = ForNone
		r.Why = append(r.Why, why.Error())
	}
	return r, nil
}

// A cannotError says what a file system can't do.
type cannotError struct{ what string }

func (e cannotError) Error() string { return e.what }

func cannot(format string, args ...any) error { return cannotError{fmt.Sprintf(format, args...)} }

// removeAll removes the files in dir whose names have a prefix.
func removeAll(dir, prefix string) error {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), prefix) {
			err = errors.Join(err, os.Remove(dir+"/"+e.Name()))
		}
	}
	return err
}

// tried are the file systems of which more is known than one host can see.
var tried = map[string]struct {
	fit Fit
	why string
}{
	"mfs": {ForSeveral, "MooseFS was tried (3.0.117): flock holds across hosts, and a dead host's " +
		"downloads go on elsewhere within seconds."},
	"seaweedfs": {ForSeveral, "SeaweedFS was tried: one of two makers of a name wins, but flock holds " +
		"on one host only, so a dead host's downloads wait 10 minutes."},
	"s3fs": {ForNone, "s3fs was tried with several hosts: two of them can win the same job. Keep the " +
		"data on another file system."},
	"rclone": {ForNone, "rclone's mount was tried: it hides new files for seconds. Keep the data on " +
		"another file system, and copy it there with fromcache sync."},
	"nfs":       {ForOneHost, "NFS was not tried with several hosts: mount it with lookupcache=none there."},
	"ceph":      {ForOneHost, "CephFS was not tried with several hosts."},
	"glusterfs": {ForOneHost, "GlusterFS was not tried with several hosts."},
}

// known returns what the table says of a type, such as fuse.mfs. What is not in it serves one host.
func known(fileSystem string) Report {
	name := strings.TrimRight(strings.TrimPrefix(fileSystem, "fuse."), "0123456789")
	if t, is := tried[name]; is {
		return Report{fileSystem, t.fit, []string{t.why}}
	}
	return Report{FileSystem: fileSystem, Fit: ForOneHost}
}
