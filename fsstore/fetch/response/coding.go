package response

import (
	"net/http"
	"strings"

	"fromcache/fsstore/fetch/failure"
	"fromcache/fsstore/kind"
)

// CheckName returns an error that says what to do where the bytes are not what the URL's name
// says.
func CheckName(name string, head []byte, acceptHTML bool) error {
	m := kind.Check(name, head)
	switch {
	case m == nil:
		return nil
	case m.Accept != "text/html":
		return failure.Discardf("%v: check the URL; if they are wanted all the same, add the line "+
			"`accept %s` to the job and retry", m, m.Accept)
	case acceptHTML:
		return nil
	}
	return failure.Discardf("%v Open the URL in a browser; if the page is what is wanted, add the line "+
		"`accept text/html` to the job and retry", m)
}

// encodings are the codings that a file's name may say itself.
var encodings = map[string][]string{
	"gzip":     {".gz", ".tgz", ".gzip", ".crate"},
	"x-gzip":   {".gz", ".tgz", ".gzip", ".crate"},
	"br":       {".br"},
	"zstd":     {".zst", ".zstd", ".tzst"},
	"xz":       {".xz", ".txz"},
	"x-xz":     {".xz", ".txz"},
	"bzip2":    {".bz2", ".tbz", ".tbz2"},
	"x-bzip2":  {".bz2", ".tbz", ".tbz2"},
	"compress": {".z"},
}

// noCoding are values that say nothing of the bytes. Uploaders leave the last two on object
// stores.
var noCoding = map[string]bool{
	"": true, "identity": true, "none": true, "binary": true, "utf-8": true, "aws-chunked": true,
}

// CheckCoding refuses an encoded answer, because we asked for identity, unless the name says the
// same coding.
func CheckCoding(name string, h http.Header) error {
	coding := strings.ToLower(strings.TrimSpace(strings.Join(h.Values("Content-Encoding"), ", ")))
	if noCoding[coding] || kind.HasEnding(name, encodings[coding]) {
		return nil
	}
	return failure.Failf("the origin sends it with Content-Encoding %.40s although it was asked not to, "+
		"so the bytes are not the file: add the line `accept any` to the job to keep them as "+
		"they are, and retry", coding)
}
