package pages

import (
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"strconv"
	"strings"
	"time"

	"fromcache/fsstore"
	"fromcache/fsstore/kind"
	"fromcache/httpd/answer"
	"fromcache/templates"
)

// uploadIdle is how long a browser may send nothing.
const uploadIdle = time.Minute

// incoming is a file being uploaded, with the form's fields before it.
type incoming struct {
	fsstore.Addition
	size int64 // as the page says, -1 unknown
	from *multipart.Part
	form *multipart.Reader
	body *formReader
}

// formReader reads a form and limits all but the file to maxForm bytes, because the
// headers of parts and the number of parts have no limit of their own.
type formReader struct {
	from io.Reader
	left int
	file bool // no limit
}

func (b *formReader) Read(p []byte) (int, error) {
	if b.file {
		return b.from.Read(p)
	}
	if b.left <= 0 {
		return 0, &http.MaxBytesError{Limit: maxForm}
	}
	n, err := b.from.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

// Read reads the file. It fails if fields follow the file, because a digest there
// would be ignored.
func (in *incoming) Read(b []byte) (int, error) {
	n, err := in.from.Read(b)
	if err == io.EOF {
		in.body.left, in.body.file = maxForm, false
		if _, next := in.form.NextPart(); next == nil { //guard:httpd.TestUploadWithFieldsAfterTheFile
			err = answer.Refuse(http.StatusBadRequest,
				templates.Word("no.order"))
		} else {
			err = next
		}
	}
	return n, err
}

// upload makes a file that was carried in by hand the artifact of a URL. It goes to the disk as
// it comes, so its size is limited by the file system and by MinFree alone.
func (s *Server) upload(w http.ResponseWriter, r *http.Request) error {
	in, err := readUpload(r)
	if err != nil {
		return err
	}
	conn := http.NewResponseController(w)
	patience := func(int64) error {
		conn.SetReadDeadline(time.Now().Add(uploadIdle))
		return nil
	}
	patience(0)
	a, err := s.store.Put(in.Addition, in, in.size, s.by(r), patience)
	if err != nil {
		return uploadError(err)
	}
	s.log.Info("uploaded", "key", a.Key, "size", a.Size, "addr", answer.ClientAddr(r))
	s.view.Reread(a.Key)
	return s.finish(w, r, "Held "+a.Key+", SHA-256 "+a.SHA256)
}

// readUpload reads the fields that stand before the file.
func readUpload(r *http.Request) (*incoming, error) {
	body := &formReader{from: r.Body, left: maxForm}
	r.Body = struct {
		io.Reader
		io.Closer
	}{body, r.Body}
	form, err := r.MultipartReader()
	if err != nil {
		return nil, answer.Refuse(http.StatusUnsupportedMediaType,
			templates.Word("no.multipart"))
	}
	in := &incoming{size: -1, form: form, body: body}
	for {
		p, err := form.NextPart()
		if err != nil {
			return nil, body.unreadable("the form lacks file=")
		}
		if p.FormName() == "file" {
			in.from, body.file = p, true
			return in, in.check()
		}
		b, err := io.ReadAll(io.LimitReader(p, 16<<10))
		if err != nil {
			return nil, body.unreadable("the form can't be read")
		}
		if err := in.set(p.FormName(), strings.TrimSpace(string(b))); err != nil {
			return nil, err
		}
	}
}

// set sets what the field of a name says. Fields of other names are ignored, and so is a size
// that is no number.
func (in *incoming) set(name, value string) error {
	switch name {
	case "url":
		in.URL = value
	case "sha256":
		in.SHA256 = strings.ToLower(value)
	case "accept":
		return accept(&in.Addition, []string{value})
	case "size":
		if n, err := strconv.ParseInt(value, 10, 64); err == nil && n >= 0 {
			in.size = n
		}
	}
	return nil
}

// unreadable returns why a form can't be read. It looks at the body, because multipart
// hides the error of its reader.
func (b *formReader) unreadable(why string) error {
	if !b.file && b.left <= 0 {
		return &http.MaxBytesError{Limit: maxForm}
	}
	return answer.Refuse(http.StatusBadRequest, why)
}

func (in *incoming) check() error {
	switch {
	case in.URL == "":
		return answer.Refuse(http.StatusBadRequest, templates.Word("no.url.before"))
	case in.from.FileName() == "":
		return answer.Refuse(http.StatusBadRequest, templates.Word("no.file"))
	case in.SHA256 != "" && !fsstore.IsDigest(in.SHA256):
		return answer.Refuse(http.StatusBadRequest, templates.Word("no.digest"))
	}
	return nil
}

// uploadError returns err as the answer for the person at the browser.
func uploadError(err error) error {
	if _, ok := errors.AsType[*answer.Refusal](err); ok {
		return err
	}
	if short, ok := errors.AsType[*fsstore.NotWhole](err); ok {
		if short.Err != nil {
			return answer.Refuse(http.StatusBadRequest,
				templates.Word("no.rest", short.Have))
		}
		return answer.Refuse(http.StatusBadRequest,
			templates.Word("no.size", short.Have, short.Size))
	}
	if sum, ok := errors.AsType[*fsstore.WrongDigest](err); ok {
		return answer.Refuse(http.StatusUnprocessableEntity,
			templates.Word("no.match", sum.Got, sum.Want))
	}
	if m, ok := errors.AsType[*kind.Mismatch](err); ok {
		return answer.Refuse(http.StatusUnprocessableEntity,
			templates.Word("no.kind", m.Why, m.Accept))
	}
	return err
}
