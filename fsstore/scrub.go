package fsstore

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// DefaultScrubRate is gentle to a disk that serves clients: 1 TB takes 14 h.
const DefaultScrubRate = 20 << 20

// ScrubOptions of a scrub. The zero value of each field is its default.
type ScrubOptions struct {
	Rate     int64             // bytes a second while nothing else happens; 0: DefaultScrubRate
	Pause    time.Duration     // between two rounds; 0: 24 h
	Progress func(ScrubStatus) // called after each blob
}

// ScrubStatus is how far a scrub has come.
type ScrubStatus struct {
	Round        int // from 1
	Blobs, Total int // of this round
	Bytes        int64
}

// Scrub reads every blob, round after round, until ctx ends, whose error it
// returns. Its rate is Rate while the server is idle and an eighth of it while
// artifacts are fetched or served. A blob that is not what its name says, twice
// in a row, is renamed to tmp/<digest>.rotten, where it stays until a round finds
// it sound while its blob is missing, and brings it back; the URLs of the
// artifacts that need it are queued again, as are at the beginning of each round
// those of artifacts whose blob is missing; the log and Findings say so. Where it
// can't read three blobs in a row the disk is at fault, not each of them: it
// takes out no more, Health says so, and an hour later it begins anew. What a
// round read leaves the page cache, so that it drives out nothing that clients
// ask for; it also means that what they ask for often may be judged from memory.
func (s *Store) Scrub(ctx context.Context, o ScrubOptions) error {
	if o.Rate <= 0 {
		o.Rate = DefaultScrubRate
	}
	if o.Pause <= 0 {
		o.Pause = 24 * time.Hour
	}
	r := newScrubber(ctx, s, o)
	for r.status.Round = 1; ; r.status.Round++ {
		r.round()
		if !r.rest() {
			return ctx.Err()
		}
	}
}

// scrubStep is how much is read between two looks at the clock.
const scrubStep = 1 << 20

type scrubber struct {
	s      *Store
	ctx    context.Context
	o      ScrubOptions
	buf    []byte
	status ScrubStatus
	hits   int64     // gathered at the last look
	looked time.Time // for whether the server is idle
	busy   bool
	unread int              // blobs in a row that the disk could not read
	off    bool             // the round was broken off, for that
	many   bool             // artifacts have lost their blobs, more than are queued
	ill    map[string]error // what could not be done, by digest, or by the directory that could not be listed
}

func newScrubber(ctx context.Context, s *Store, o ScrubOptions) *scrubber {
	return &scrubber{s: s, ctx: ctx, o: o, buf: make([]byte, scrubStep), ill: map[string]error{}}
}

// round looks for blobs that are missing, and reads each that is there once. It
// begins anywhere, so that a server that is
// started every day reads the whole in time.
func (r *scrubber) round() {
	r.off = false
	r.lookForSound()
	r.note(metas, r.lookForLost())
	blobs, err := r.s.blobs()
	r.note("blobs", err)
	if len(blobs) == 0 {
		return
	}
	r.status.Blobs, r.status.Total, r.status.Bytes = 0, len(blobs), 0
	from := rand.IntN(len(blobs))
	for i := range blobs {
		if r.ctx.Err() != nil {
			return
		}
		r.again(sumHex(blobs[(from+i)%len(blobs)]))
		r.status.Blobs++
		if r.o.Progress != nil {
			r.o.Progress(r.status)
		}
		if r.off = r.unread >= maxUnread; r.off {
			return
		}
	}
}

// lookForSound brings back what was taken out of service, is sound and is needed:
// its artifact is not lost then.
func (r *scrubber) lookForSound() {
	copies, err := r.s.rottenCopies()
	var wanted digests
	if err == nil && len(copies) > 0 {
		wanted, err = r.s.wanted()
	}
	r.s.complain("scrub", err)
	for d, names := range copies {
		for _, name := range names {
			if r.ctx.Err() == nil && wanted.has(d) && !exists(r.s.path("blobs", d)) {
				r.s.bringBackSound(name, d, func(f *os.File) bool {
					got, err := r.sum(f)
					return err == nil && got == d
				})
			}
		}
	}
}

// metas is what lookForLost reads, among what could not be done.
const metas = "meta"

// illAgain: what could not be read is tried so often, not once a round.
const illAgain = time.Hour

// rest is the time between two rounds; it reports whether there is to be
// another. A round of blobs/ that could not be listed was none, nor one that was
// broken off.
func (r *scrubber) rest() bool {
	for left := r.o.Pause; left > 0; left -= illAgain {
		if !r.sleep(min(left, illAgain)) {
			return false
		}
		if r.many || r.ill[metas] != nil {
			r.note(metas, r.lookForLost())
		}
		for d := range r.ill {
			switch {
			case IsDigest(d):
				r.again(d)
			case d != metas:
				return true
			}
		}
		if r.off {
			return true
		}
	}
	return true
}

func (r *scrubber) again(d string) { r.note(d, r.blob(d)) }

// note tells at once what could not be done, for a round may take a day, and
// that it is over as soon as all of it has been done.
func (r *scrubber) note(what string, err error) {
	if _, was := r.ill[what]; r.ctx.Err() != nil || err == nil && !was {
		return
	}
	if err == nil {
		delete(r.ill, what)
	} else {
		r.ill[what] = err
		r.s.complain("scrub", err)
	}
	var unread, stuck, disk error
	for _, err := range r.ill {
		switch {
		case errors.Is(err, errStuck):
			stuck = err
		case errors.Is(err, errDisk):
			disk = err
		default:
			unread = err
		}
	}
	r.s.Trouble("scrub", cantScrub, unread)
	r.s.setTrouble("scrub out", Trouble{What: rottenStays}, stuck) // a disk that is read-only doesn't say it
	r.s.setTrouble("scrub disk", Trouble{What: diskUnread}, disk)
}

// What the scrub tells; the log has the digests.
const (
	cantScrub   = "the scrub can't read all of blobs/ and meta/, so that nobody knows whether it is sound: look at the log and at dmesg, and mend the disk or the files' modes"
	diskUnread  = "the disk can't read one blob after another: the scrub has stopped, leaves the others in service, and tries again each hour; look at dmesg, and mend the disk"
	rottenStays = "a rotten blob can't be taken out of service and may still be served: the log says which; evict its artifact, or mend the disk (dmesg may say why)"
)

// errStuck is a rotten blob that stays where it is.
var errStuck = errors.New("it is rotten, and can't be taken out of service")

// errDisk is a blob that stays in service though it can't be read.
var errDisk = errors.New("it can't be read, nor could those before it")

// blobs lists the digests in blobs/, in order; a round of 100,000 takes hours,
// and 3 MiB.
func (s *Store) blobs() ([][32]byte, error) {
	var list [][32]byte
	err := s.eachNames("blobs", func(names []string) error {
		for _, d := range names {
			if IsDigest(d) {
				list = append(list, digestBytes(d))
			}
		}
		return nil
	})
	slices.SortFunc(list, func(a, b [32]byte) int { return bytes.Compare(a[:], b[:]) })
	return list, err
}

func (r *scrubber) blob(d string) error {
	f, err := r.s.OpenBlob(d)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case spoilt(err):
		return r.condemn(d, err, r.s.staysShut)
	case err != nil:
		return err
	}
	defer f.Close()
	for range 2 { // a flipped bit of memory is not one of the disk
		var got string
		if got, err = r.sum(f); got == d {
			r.unread = 0
			return nil
		}
		if err != nil && !spoilt(err) {
			return err
		}
	}
	return r.condemn(d, err, func(path string) bool { return same(f, path) })
}

// maxUnread: a bad sector is of one blob, seldom of two. A disk that is dying, or
// whose cable is loose, answers so for every blob, and all of them may be whole.
const maxUnread = 3

// condemn takes a blob out of service that is rotten or, with an error, could
// not be read.
func (r *scrubber) condemn(d string, unread error, still func(path string) bool) error {
	if unread == nil {
		r.unread = 0
	} else if errors.Is(r.ill[d], errStuck) {
		// it was counted, and is looked at each hour
	} else if r.unread++; r.unread >= maxUnread {
		return fmt.Errorf("%w: %w", errDisk, unread)
	}
	return r.s.rotten(d, still)
}

// spoilt reports whether an error says that the disk has not kept what was
// written: EUCLEAN and EBADMSG are what XFS and ext4 answer to a checksum that
// is wrong.
func spoilt(err error) bool {
	return errors.Is(err, unix.EIO) || errors.Is(err, unix.EUCLEAN) || errors.Is(err, unix.EBADMSG)
}

// staysShut judges a blob that can't even be opened.
func (s *Store) staysShut(path string) bool {
	f, err := open(path, os.O_RDONLY)
	if err == nil {
		f.Close()
	}
	return spoilt(err)
}

// sum hashes a file from the disk, at the scrub's rate.
func (r *scrubber) sum(f *os.File) (string, error) {
	h := sha256.New()
	for at := int64(0); ; {
		began := time.Now()
		n, err := unix.Pread(int(f.Fd()), r.buf, at)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return "", fmt.Errorf("read %s: %w", f.Name(), err)
		}
		if n == 0 {
			return sumHex([32]byte(h.Sum(nil))), nil
		}
		h.Write(r.buf[:n])
		_ = unix.Fadvise(int(f.Fd()), at, int64(n), unix.FADV_DONTNEED)
		at += int64(n)
		r.status.Bytes += int64(n)
		if !r.sleep(r.cost(n) - time.Since(began)) {
			return "", r.ctx.Err()
		}
	}
}

// cost is how long the reading of n bytes is to take.
func (r *scrubber) cost(n int) time.Duration {
	t := time.Duration(float64(n) / float64(r.o.Rate) * float64(time.Second))
	if r.isBusy() {
		return 8 * t
	}
	return t
}

// isBusy looks once a second whether something is being fetched, or was served
// since the last look.
func (r *scrubber) isBusy() bool {
	if time.Since(r.looked) < time.Second {
		return r.busy
	}
	hits := r.s.hits.sum()
	n, err := r.s.Count(Active)
	r.busy = err != nil || n > 0 || hits != r.hits
	r.hits, r.looked = hits, time.Now()
	return r.busy
}

// sleep reports whether the scrub goes on.
func (r *scrubber) sleep(d time.Duration) bool {
	t := time.NewTimer(max(d, 0))
	defer t.Stop()
	select {
	case <-r.ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
