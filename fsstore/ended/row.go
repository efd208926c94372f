package ended

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"strings"
	"time"

	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
	"fromcache/fsstore/spool"
)

// packed is a row in memory, without a pointer, so that the garbage collector passes it over. Its text
// is the end of the redacted URL in lower case, from the last slash of the path on, and what the URL
// does not tell of the name.
type packed struct {
	file       uint64 // hash of the file's identity; 0: no row
	last       int64  // when it ended, Unix time
	done, want uint64 // how the digests begin that it got, and was to get; 0: none
	chunk, at  uint32
	dir        uint32 // what of the URL is before
	asked      uint32 // who asked
	endLen     uint16
	nameLen    uint16 // 0: the digits of the key only, and the rest is in the URL
}

// keyDigits are the bytes of the hash at the end of a key.
const keyDigits = 16

// maxURL is how much of a URL a row keeps. Only a job that a person wrote has a longer one.
const maxURL = 16 << 10

// suffix is how the name of a job ends.
const suffix = ".job"

// split splits a URL behind the last slash of its path.
func split(url string) (dir, end string) {
	path, _, _ := strings.Cut(url, "?")
	at := strings.LastIndexByte(path, '/') + 1
	return url[:at], url[at:]
}

// namePrefix returns how the name of the job of a simple URL begins.
func namePrefix(dir, end string) string {
	_, rest, _ := strings.Cut(dir, "://")
	host, _, _ := strings.Cut(rest, "/")
	base, _, _ := strings.Cut(end, "?")
	return host + "--" + base + "--"
}

// shown returns the URL of a job as a search sees it: redacted, because a search could guess a
// credential by its letters.
func shown(f *spool.JobFile) string {
	url := key.Redact(f.Job.FetchURL())
	return strings.ToLower(url[:min(len(url), maxURL)])
}

// endedAt returns the time of the last event. Misses don't count, because they may arrive at any time.
func endedAt(j *job.Job) time.Time {
	for i := len(j.Events) - 1; i >= 0; i-- {
		if e := &j.Events[i]; e.Kind != job.Miss {
			return e.Time
		}
	}
	return j.LastAsked()
}

// keptAskers is how many bytes are kept of who asked for a job.
const keptAskers = 256

// AskedBy returns the first clients of a job, as JobFile.AskedBy.
func AskedBy(j *job.Job) string {
	var text []byte
	for _, c := range j.Clients() {
		line := c.Addr + " " + c.Tool[:min(len(c.Tool), keptAskers/2)] + "\n"
		if len(text)+len(line) > keptAskers { //guard:fsstore/view.TestViewKeepsLittleOfAMiss
			break
		}
		text = append(text, line...)
	}
	return string(text)
}

// head returns the first 8 bytes of a digest in hex.
func head(digest string) uint64 {
	b, err := hex.DecodeString(digest[:min(16, len(digest))])
	if err != nil || len(b) != 8 {
		return 0
	}
	return binary.BigEndian.Uint64(b)
}

// name returns the name of a row's file.
func (t *table) name(p *packed) string {
	return string(t.appendName(nil, p))
}

func (t *table) appendName(name []byte, p *packed) []byte {
	b := t.nameText(p)
	if p.nameLen > 0 {
		return append(name, b...)
	}
	_, rest, _ := strings.Cut(t.dirs.all[p.dir], "://")
	host, _, _ := strings.Cut(rest, "/")
	base, _, _ := bytes.Cut(t.end(p), []byte("?"))
	name = append(append(name, host...), "--"...)
	name = append(append(name, base...), "--"...)
	return append(hex.AppendEncode(name, b), suffix...)
}

// end returns the end of a row's URL.
func (t *table) end(p *packed) []byte { return t.text[p.chunk][p.at : p.at+uint32(p.endLen)] }

// nameText returns what is kept of a row's name.
func (t *table) nameText(p *packed) []byte {
	from, n := p.at+uint32(p.endLen), uint32(p.nameLen)
	if n == 0 {
		n = keyDigits
	}
	return t.text[p.chunk][from : from+n]
}
