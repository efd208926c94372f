package templates

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"path"
	"strings"
	"sync"
)

// Asset is one static file, ready to be sent.
type Asset struct {
	Type        string // media type
	Version     string // changes with its bytes
	Plain, Gzip []byte // Gzip is nil where it would be no smaller
}

// Assets returns the static files by their names below static/.
var Assets = sync.OnceValue(func() map[string]*Asset {
	all := map[string]*Asset{}
	fs.WalkDir(files, "static", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || contentType(name) == "" {
			return err
		}
		b, err := fs.ReadFile(files, name)
		all[strings.TrimPrefix(name, "static/")] = newAsset(name, b)
		return err
	})
	return all
})

func newAsset(name string, b []byte) *Asset {
	sum := sha256.Sum256(b)
	a := &Asset{Type: contentType(name), Version: hex.EncodeToString(sum[:8]), Plain: b}
	var z bytes.Buffer
	w, _ := gzip.NewWriterLevel(&z, gzip.BestCompression)
	w.Write(b)
	w.Close()
	if z.Len() < len(b)*9/10 {
		a.Gzip = z.Bytes()
	}
	return a
}

// contentType knows what we embed, and is "" for what is no page's; the
// system's table may say anything.
func contentType(name string) string {
	switch path.Ext(name) {
	case ".css":
		return "text/css; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	}
	return ""
}

// assetPath is the address of a static file from the root of the pages, new
// whenever its bytes are, or "" where the build had none.
func assetPath(name string) string {
	a := Assets()[name]
	if a == nil {
		return ""
	}
	return "static/" + name + "?v=" + a.Version
}
