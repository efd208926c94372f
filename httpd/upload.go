package httpd

import (
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"strconv"
	"strings"
	"time"

	"fromcache/fsstore"
	"fromcache/fsstore/key"
	"fromcache/fsstore/kind"
)

const (
	// maxUpload: the file system is the limit, and MinFree before it.
	maxUpload = 1 << 50
	// uploadStall: a browser that sends nothing for so long has gone.
	uploadStall = time.Minute
)

// carried is a file on its way in, with the fields before it.
type carried struct {
	fsstore.Addition
	size int64 // as the page says, -1 unknown
	from *multipart.Part
}

// upload makes a file that was carried in by hand the artifact of a URL. It
// takes the path of a download, by a claim of its own, so that it is seen
// under Downloads, can be cancelled there, and a crash leaves what that of a
// download leaves. Nothing is held in memory.
func (s *Server) upload(w http.ResponseWriter, r *http.Request) error {
	in, err := carriedIn(r)
	if err != nil {
		return err
	}
	c, err := s.store.ClaimFor(in.Addition, by(r))
	if err != nil {
		return err
	}
	a, err := s.fill(c, in, http.NewResponseController(w))
	if err != nil {
		return err
	}
	s.log.Info("uploaded", "key", a.Key, "size", a.Size, "addr", clientAddr(r))
	s.view.Reread(a.Key)
	return s.done(w, r, "Held "+a.Key+", SHA-256 "+a.SHA256)
}

// carriedIn reads the fields that stand before the file.
func carriedIn(r *http.Request) (*carried, error) {
	form, err := r.MultipartReader()
	if err != nil {
		return nil, &refusal{http.StatusBadRequest, "the form can't be read"}
	}
	in := &carried{size: -1}
	for {
		p, err := form.NextPart()
		if err != nil {
			return nil, &refusal{http.StatusBadRequest, "the form lacks file="}
		}
		if p.FormName() == "file" {
			in.from = p
			return in, in.check()
		}
		b, err := io.ReadAll(io.LimitReader(p, 16<<10))
		if err != nil {
			return nil, &refusal{http.StatusBadRequest, "the form can't be read"}
		}
		switch v := strings.TrimSpace(string(b)); p.FormName() {
		case "url":
			in.URL = v
		case "sha256":
			in.SHA256 = strings.ToLower(v)
		case "accept":
			if err := accept(&in.Addition, []string{v}); err != nil {
				return nil, err
			}
		case "size":
			if n, err := strconv.ParseInt(v, 10, 64); err == nil && n >= 0 {
				in.size = n
			}
		}
	}
}

func (in *carried) check() error {
	switch {
	case in.URL == "":
		return &refusal{http.StatusBadRequest, "the form lacks url=, or it comes after the file"}
	case in.from.FileName() == "":
		return &refusal{http.StatusBadRequest, "no file was chosen"}
	case in.SHA256 != "" && !isDigest(in.SHA256):
		return &refusal{http.StatusBadRequest, "that is no SHA-256: it has 64 hexadecimal digits"}
	}
	return nil
}

// fill ends the claim: the artifact is held, or the job is in failed/ and its
// part is gone.
func (s *Server) fill(c *fsstore.Claim, in *carried, conn *http.ResponseController) (*fsstore.Artifact, error) {
	part, err := c.Part(false)
	if err == nil {
		err = copyIn(c, part, in, conn)
	}
	if err == nil {
		var a *fsstore.Artifact
		if a, err = c.Publish(part, fsstore.Origin{}); a != nil {
			return a, err
		}
	}
	if part != nil {
		part.Discard()
	}
	if errors.Is(err, fsstore.ErrLost) {
		return nil, errors.Join(&refusal{http.StatusConflict, "the upload was cancelled"}, c.Cancelled())
	}
	reason := key.RedactText(err.Error())
	if _, text := httpError(err); text != "" {
		reason = text
	}
	return nil, errors.Join(err, c.Fail("upload: "+reason))
}

func copyIn(c *fsstore.Claim, part *fsstore.Part, in *carried, conn *http.ResponseController) error {
	if err := c.Reserve(max(in.size, 0)); err != nil {
		return err
	}
	if err := c.Start(fsstore.Started{Size: in.size}); err != nil {
		return err
	}
	buf := make([]byte, 256<<10)
	looked := time.Now()
	for {
		conn.SetReadDeadline(time.Now().Add(uploadStall))
		n, err := readFull(in.from, buf)
		if _, werr := part.Write(buf[:n]); werr != nil {
			return werr
		}
		switch {
		case err == io.EOF:
			return checkIn(c, in, part)
		case err != nil:
			return &refusal{http.StatusBadRequest, fmt.Sprintf("the upload broke off after %d bytes: send it again", part.Size())}
		}
		if time.Since(looked) > 500*time.Millisecond {
			if looked = time.Now(); !c.Held() {
				return fsstore.ErrLost
			}
		}
	}
}

// readFull is io.ReadFull, but for its ErrUnexpectedEOF: from mime/multipart
// that is a body that ended before its boundary.
func readFull(r io.Reader, b []byte) (n int, err error) {
	for n < len(b) && err == nil {
		var m int
		m, err = r.Read(b[n:])
		n += m
	}
	return n, err
}

func checkIn(c *fsstore.Claim, in *carried, part *fsstore.Part) error {
	if in.size >= 0 && part.Size() != in.size {
		return &refusal{http.StatusBadRequest, fmt.Sprintf("%d bytes came, and the file has %d: send it again", part.Size(), in.size)}
	}
	if got := part.SHA256(); in.SHA256 != "" && got != in.SHA256 {
		return &refusal{http.StatusUnprocessableEntity, "its SHA-256 is " + got + ", and " + in.SHA256 + " was expected: it was not kept"}
	}
	err := c.Fits(part)
	if m, ok := errors.AsType[*kind.Mismatch](err); ok {
		return &refusal{http.StatusUnprocessableEntity, m.Why + "; it was not kept. To keep it all the same, send it again with accept=" + m.Accept}
	}
	return err
}
