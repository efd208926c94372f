// Package kind says whether bytes are what the name of a URL says they are: a login page that was saved as cuda.run is an
// artifact that nobody wants, however whole. Downloads and what is carried in by hand are judged alike.
//
// An origin that is in trouble, or wants something first, often says so with a 200 and a page, a JSON or XML document or a
// line of text; and a Git server gives a pointer of 130 bytes where the file is kept elsewhere (Git LFS).
//
// It is pure, and looks at a name and at the first bytes only.
package kind

import (
	"bytes"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"fromcache/fsstore/key"
)

// magic is what a file begins with whose name ends so. Zip archives without a member begin with their end; zstd frames may
// be preceded by a frame to skip (RFC 8878, 3.1.2).
type magic struct {
	what     string
	endings  []string
	anyStart []string
}

var magics = []magic{
	{"gzip", []string{".gz", ".tgz", ".gzip", ".crate"}, []string{"\x1f\x8b"}},
	{"xz", []string{".xz", ".txz"}, []string{"\xfd7zXZ\x00"}},
	{"zstd", []string{".zst", ".zstd", ".tzst"}, zstdStarts()},
	{"bzip2", []string{".bz2", ".tbz", ".tbz2"}, []string{"BZh"}},
	{"zip", []string{".zip", ".whl"}, zipStarts},
	{"zip", []string{".jar"}, append([]string{"#!"}, zipStarts...)}, // zip is read from its end: a script may start it
	{"deb", []string{".deb", ".udeb", ".ddeb"}, []string{"!<arch>\n"}},
	{"rpm", []string{".rpm"}, []string{"\xed\xab\xee\xdb"}},
}

// zipStarts: the third and fourth are those of an archive that was to be split (APPNOTE.TXT, 8.5).
var zipStarts = []string{"PK\x03\x04", "PK\x05\x06", "PK\x07\x08", "PK00PK\x03\x04"}

func zstdStarts() []string {
	list := []string{"\x28\xb5\x2f\xfd"}
	for i := range 16 {
		list = append(list, string([]byte{0x50 + byte(i), 0x2a, 0x4d, 0x18}))
	}
	return list
}

// binaries are the extensions of files that are never an HTML page, and never empty. Those of text that an HTML page may
// well be (txt, md, xml) are left out.
var binaries = words(`run bin sh exe msi dmg pkg appimage tar tgz tbz tbz2 txz tzst tlz gz gzip bz2 xz zst zstd lz lz4 lzma lzo lrz br z
7z rar zip cab cpio ar so deb udeb ddeb rpm apk snap flatpak whl egg jar war nupkg gem crate conda iso img qcow2 vmdk vdi vhd vhdx
ova raw rom fw cap ipk uf2 squashfs wim efi ko dtb hex safetensors gguf ggml pt pth onnx npz npy h5 hdf5 pb tflite ckpt parquet
arrow feather avro orc pdf mp4 mkv webm mp3 wav flac png jpg jpeg gif webp tif tiff ttf otf woff woff2`)

// mayBeText are the binaries whose first bytes may well be readable, if no JSON or XML: Intel HEX, PDF, an archive of text files, and
// what describes the image of a virtual disk. anyBytes are those of no format that one could tell, and those that something
// else is called as well (a linker's script, a list of Python's paths), where text is wrong only if it reads like an error.
// All others begin with what is no text, but for scripts.
var (
	mayBeText = words(`hex pdf ar vmdk`)
	anyBytes  = words(`run bin img raw rom fw cap tar so pth`)
)

// complaints are what an origin says in plain text with a 200.
var complaints = []string{"not found", "no such", "not exist", "error", "denied", "forbidden", "unauthorized", "authenticat", "credential", "permission",
	"expired", "invalid", "bad request", "too many requests", "rate limit", "quota", "unavailable", "maintenance", "not allowed", "sign in", "log in", "login",
	"must accept", "agreement", "sorry", "please ", "no longer", "unable to", "cannot ", "can't ", "blocked", "not available", "exceeded",
	"try again", "failed", "failure"}

// programs are the extensions of programs that answer with a page or with a file, as it comes: they say nothing of the bytes.
var programs = words(`php php3 php4 php5 php7 php8 phtml cgi fcgi fpl pl asp aspx ashx asmx axd jsp jspx jspa jsf do action cfm cfml nsf dll`)

// texts are those of files that may be empty, but are never a page.
var texts = words(`gpg asc sig pem crt cer der key pub sha1 sha256 sha512 md5 sha1sum sha256sum sha512sum md5sum json jsonl yaml yml toml
csv tsv py repo list conf`)

func words(s string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(s) {
		m[w] = true
	}
	return m
}

// Name is what a URL, as it was asked for, calls its file, in lower case: its last path segment, or where that has no extension
// that is known here, a parameter that names a file. Where redirects led, and what Content-Disposition says, decides
// nothing: clients asked for this name.
func Name(raw string) string {
	u, err := key.Parse(raw, key.Keep)
	if err != nil {
		return ""
	}
	base := lower(u.Basename())
	_, query, _ := strings.Cut(u.String(), "?")
	if known(base) {
		return base
	}
	for _, pair := range strings.Split(query, "&") {
		name, value, _ := strings.Cut(pair, "=")
		switch strings.ToLower(name) {
		case "file", "filename", "name", "path":
			v := lower(value)
			if v = v[strings.LastIndexByte(v, '/')+1:]; known(v) {
				return v
			}
		}
	}
	return base
}

func lower(s string) string {
	if plain, err := url.PathUnescape(s); err == nil {
		s = plain
	}
	s, _, _ = strings.Cut(s, ";")
	return strings.ToLower(s)
}

func extension(name string) string {
	i := strings.LastIndexByte(name, '.')
	if i < 0 {
		return ""
	}
	return name[i+1:]
}

// Binary reports whether a file of this name is never a page, and never empty.
func Binary(name string) bool { return binaries[extension(name)] }

// nameless reports whether a name says nothing of what is in the file: install hosts answer there with a script for curl and
// a page for a browser. What follows the dot of v1.2 is no extension.
func nameless(name string) bool {
	ext := extension(name)
	return ext == "" || programs[ext] || strings.Trim(ext[:1], "abcdefghijklmnopqrstuvwxyz") != ""
}

// known reports whether a name says enough that no page can be meant. What stands beside an archive (x.tar.sign,
// x.tar.gz.sha512, x.tar.gz.DIGESTS) is none either, and may be text.
func known(name string) bool {
	return Binary(name) || texts[extension(name)] || strings.Contains(name, ".tar.")
}

// Mismatch is why bytes are not what their name says.
type Mismatch struct {
	Why    string // in plain words
	Accept string // the word that lets them pass all the same: text/html or any
}

func (m *Mismatch) Error() string { return m.Why }

// Check says why bytes that begin with head can't be the file that name says, or nil. It knows few kinds for certain, and
// lets all others pass.
func Check(name string, head []byte) *Mismatch {
	if known(name) && looksHTML(head) {
		return &Mismatch{"an HTML page came where a ." + extension(name) + " was expected: a login page, a licence to accept, or an error page?", "text/html"}
	}
	if nameless(name) && looksHTML(head) {
		return &Mismatch{"an HTML page came under a name that says of none: a page for browsers, where other tools get a script or a file?", "text/html"}
	}
	if bytes.HasPrefix(head, []byte(lfsPointer)) {
		return &Mismatch{"a Git LFS pointer came instead of the file that it stands for: use the URL that gives the file itself (/resolve/ or /media/ in place of /raw/)", "any"}
	}
	said := readable(head)
	for _, m := range magics {
		switch {
		case !HasEnding(name, m.endings):
		case m.starts(head):
			return nil
		default:
			return &Mismatch{"the name says " + m.what + ", but the bytes are no " + m.what + butText(said), "any"}
		}
	}
	if Binary(name) && isWrong(said, extension(name), head) {
		return &Mismatch{said + " came where a ." + extension(name) + " was expected: an error message, most likely", "any"}
	}
	return nil
}

// longest is how long an error is that doesn't say in its first words that it is one.
const longest = 1000

// isWrong reports whether readable bytes can't be a file with this extension. said is what readable says of them.
func isWrong(said, ext string, head []byte) bool {
	switch {
	case said == "", ext == "sh", bytes.HasPrefix(head, []byte("#!")):
		return false
	case mayBeText[ext]:
		return said != plainText
	case said == plainText && (anyBytes[ext] || len(head) >= longest):
		text := strings.ToLower(string(head))
		return slices.ContainsFunc(complaints, func(c string) bool { return strings.Contains(text, c) })
	}
	return true
}

func butText(said string) string {
	if said == "" {
		return ""
	}
	return " but " + said + ", an error message most likely"
}

// lfsPointer begins a pointer file: git-lfs, docs/spec.md.
const lfsPointer = "version https://git-lfs.github.com/spec/"

// readable says what kind of text bytes that begin with head are, or "" where they are none. Of a binary the first 1 KiB
// holds some byte that no text has.
func readable(head []byte) string {
	head = bytes.TrimPrefix(head, []byte("\xef\xbb\xbf"))
	for _, c := range head {
		if c < 0x20 && c != '\t' && c != '\n' && c != '\r' && c != '\f' && c != 0x1b || c == 0x7f {
			return ""
		}
	}
	for b := head; len(b) > 0 && utf8.FullRune(b); { // head may end within a character
		r, n := utf8.DecodeRune(b)
		if r == utf8.RuneError && n == 1 {
			return ""
		}
		b = b[n:]
	}
	return kindOfText(bytes.TrimSpace(head))
}

const plainText = "plain text"

func kindOfText(text []byte) string {
	switch {
	case len(text) == 0:
		return ""
	case text[0] == '{', text[0] == '[':
		return "JSON"
	case text[0] == '<':
		return "XML"
	}
	return plainText
}

// HasEnding reports whether a name has one of these endings.
func HasEnding(name string, endings []string) bool {
	for _, e := range endings {
		if strings.HasSuffix(name, e) {
			return true
		}
	}
	return false
}

func (m magic) starts(head []byte) bool {
	for _, s := range m.anyStart {
		if bytes.HasPrefix(head, []byte(s)) {
			return true
		}
	}
	return false
}

// htmlTags begin a page, after white space, comments, a byte order mark and an XML declaration. WHATWG MIME sniffing, 7.1,
// without the tags that other text begins with as well.
var htmlTags = []string{"<!doctype html", "<html", "<head", "<body", "<title", "<script", "<iframe", "<style", "<meta", "<table", "<div", "<h1", "<p>", "<a ", "<br", "<b>", "<font", "<center"}

// looksHTML reports whether bytes that begin with head are an HTML page.
func looksHTML(head []byte) bool {
	if bytes.HasPrefix(head, []byte("\xff\xfe")) || bytes.HasPrefix(head, []byte("\xfe\xff")) { // UTF-16: ASCII with zeros
		head = bytes.ReplaceAll(head[2:], []byte{0}, nil)
	}
	s := strings.TrimPrefix(strings.ToLower(string(head)), "\xef\xbb\xbf")
	for {
		s = strings.TrimLeft(s, " \t\r\n\f")
		rest, ok := cutPiece(s, "<!--", "-->")
		if !ok {
			rest, ok = cutPiece(s, "<?xml", "?>")
		}
		if !ok {
			break
		}
		s = rest
	}
	if strings.HasPrefix(s, "<!--") { // a comment that goes on beyond head
		return true
	}
	for _, t := range htmlTags {
		rest, ok := strings.CutPrefix(s, t)
		if ok && (rest == "" || !strings.Contains("abcdefghijklmnopqrstuvwxyz0123456789-:_", rest[:1]) || !isLetter(t[len(t)-1])) { // <meta> is, <metalink> is not
			return true
		}
	}
	return false
}

func isLetter(c byte) bool { return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' }

// cutPiece takes a piece between two marks off the beginning of s.
func cutPiece(s, open, shut string) (string, bool) {
	rest, ok := strings.CutPrefix(s, open)
	if !ok {
		return s, false
	}
	_, rest, ok = strings.Cut(rest, shut)
	return rest, ok
}
