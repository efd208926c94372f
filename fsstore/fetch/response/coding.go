package response

import (
	"net/http"
	"strings"

	"fromcache/fsstore/fetch/failure"
	"fromcache/fsstore/kind"
)

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
	return failure.Failf("the origin sends it with Content-Encoding %.40s although it was asked not "+
		"to, so the bytes are not the file: add the line `accept any` to the job to keep them as "+
		"they are, and retry", coding)
}
