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
// in a row, is renamed to tmp/<digest>.rotten, where it stays; the URLs of the
// artifacts that need it are queued again, as are at the beginning of each round
// those of artifacts whose blob is missing; the log and Findings say so. What a
// round read leaves the page cache, so that it drives out nothing that clients
// ask for; it also means that what they ask for often may be judged from memory.
func (s *Store) Scrub(ctx context.Context, o ScrubOptions) error {
	if o.Rate <= 0 {
		o.Rate = DefaultScrubRate
	}
	if o.Pause <= 0 {
		o.Pause = 24 * time.Hour
	}
	r := &scrubber{s: s, ctx: ctx, o: o, buf: make([]byte, scrubStep)}
	for r.status.Round = 1; ; r.status.Round++ {
		if err := r.round(); ctx.Err() == nil {
			s.complain("scrub", err)
		}
		if !r.sleep(o.Pause) {
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
}

// round looks for blobs that are missing, and reads each that is there once. It
// begins anywhere, so that a server that is
// started every day reads the whole in time.
func (r *scrubber) round() error {
	lost := r.lookForLost()
	blobs, err := r.s.blobs()
	if err = errors.Join(lost, err); len(blobs) == 0 {
		return err
	}
	r.status.Blobs, r.status.Total, r.status.Bytes = 0, len(blobs), 0
	from := rand.IntN(len(blobs))
	for i := range blobs {
		if err := r.ctx.Err(); err != nil {
			return err
		}
		err = errors.Join(err, r.blob(sumHex(blobs[(from+i)%len(blobs)])))
		r.status.Blobs++
		if r.o.Progress != nil {
			r.o.Progress(r.status)
		}
	}
	return err
}

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
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	for range 2 { // a flipped bit of memory is not one of the disk
		got, err := r.sum(f)
		if errors.Is(err, unix.EIO) {
			got, err = "", nil
		}
		if err != nil || got == d {
			return err
		}
	}
	return r.s.rotten(f, d)
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
