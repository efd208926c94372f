package fetch

import (
	"errors"
	"io"
	"time"

	"fromcache/fsstore"
	"fromcache/fsstore/fetch/failure"
	"fromcache/fsstore/fetch/response"
)

// bufferSize is the number of bytes read at once: more than a socket holds, and few enough for the
// processor's cache.
const bufferSize = 256 << 10

// receive copies the body into the part and returns the announced digests that it computed on the
// way. It gives up when no byte comes for Options.Idle; time that the disk takes doesn't count.
func (a *attempt) receive(d *delivery) (response.Sums, error) {
	var have response.Sums
	if d.from == 0 {
		have = response.NewSums(a.announced(d))
	}
	idle := time.AfterFunc(a.o.Idle, func() { d.Stop(errIdle) })
	defer idle.Stop()
	buf := make([]byte, bufferSize)
	for {
		idle.Reset(a.o.Idle)
		n, err := d.Body.Read(buf)
		idle.Stop()
		a.received += int64(n)
		if n > 0 || err == io.EOF {
			if err := a.start(d); err != nil {
				return nil, err
			}
		}
		if err := a.write(d, buf[:n], have); err != nil {
			return nil, err
		}
		if err != nil {
			return have, a.endOfBody(d, err)
		}
	}
}

// start writes the start line, once, when the first bytes or the end of an empty file have come.
func (a *attempt) start(d *delivery) error {
	if a.started {
		return nil
	}
	a.started = true
	return a.c.Start(fsstore.Started{
		Size: d.total, ETag: d.ETag, Modified: d.Modified, From: d.from,
	})
}

// write appends to the part what it has not yet, and adds it to the announced digests.
func (a *attempt) write(d *delivery, b []byte, have response.Sums) error {
	n := min(d.skip, int64(len(b)))
	d.skip, b = d.skip-n, b[n:]
	if len(b) == 0 {
		return nil
	}
	if err := a.checkSize(d, a.part.Size()+int64(len(b))); err != nil {
		return err
	}
	have.Write(b)
	_, err := a.part.Write(b)
	return err
}

// reserveStep is how many bytes are reserved at a time for a body of unknown length.
const reserveStep = 64 << 20

// checkSize returns an error where the part may not grow to size.
func (a *attempt) checkSize(d *delivery, size int64) error {
	switch {
	case d.total >= 0 && size > d.total: //guard:TestResume
		return &failure.Failure{Text: d.Host() + " sent more bytes than it had promised",
			End: failure.Retry, Discard: true}
	case a.o.MaxSize > 0 && size > a.o.MaxSize:
		return tooLarge(size, a.o.MaxSize)
	case d.total >= 0 || size <= a.reserved:
		return nil
	}
	if err := a.checkLimits(size); err != nil {
		return err
	}
	a.reserved = size + reserveStep
	err := a.c.Reserve(a.reserved)          //guard:TestNoSpace
	if errors.Is(err, fsstore.ErrNoSpace) { // retry, as the body may be endless
		return failure.Because(failure.Disk, failure.Retryf("%v; the origin does not say how "+
			"long the file is, %d bytes have come: check the URL, evict artifacts, or set "+
			"--max-artifact-size", err, size))
	}
	return err
}

// endOfBody returns nil where err is the proper end of the body, and else a failure.
func (a *attempt) endOfBody(d *delivery, err error) error {
	host, n := d.Host(), a.part.Size()
	switch cause := d.Cause(); {
	case cause == errIdle:
		return failure.Because(failure.Timeout, failure.Retryf("%s sent nothing for %v, after %s",
			host, a.o.Idle, progress(n, d.total)))
	case cause != nil:
		return cause
	case err != io.EOF:
		return failure.Retryf("the connection to %s broke after %s (%v)%s", host, progress(n, d.total),
			err, d.HTTP1Hint(err))
	case d.total >= 0 && n != d.total:
		return failure.Retryf("%s sent too little: %s", host, progress(n, d.total))
	}
	return nil
}
