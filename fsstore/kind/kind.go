package kind

import (
	"bytes"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"fromcache/fsstore/key"
)

// format is a format of files that is known by the end of a name and by the first bytes.
type format struct {
	name    string
	endings []string // of file names
	starts  []string // of the bytes: one of them
}

// formats lists the formats whose first bytes must be right. A zip archive without a member begins
// with its end record. A zstd file may begin with a skippable frame (RFC 8878, 3.1.2).
var formats = []format{
	{"gzip", []string{".gz", ".tgz", ".gzip", ".crate"}, []string{"\x1f\x8b"}},
	{"xz", []string{".xz", ".txz"}, []string{"\xfd7zXZ\x00"}},
	{"zstd", []string{".zst", ".zstd", ".tzst"}, zstdStarts()},
	{"bzip2", []string{".bz2", ".tbz", ".tbz2"}, []string{"BZh"}},
	{"zip", []string{".zip", ".whl"}, zipStarts},
	{"zip", []string{".jar"}, append([]string{"#!"}, zipStarts...)}, // zip is read from its end: a script may start it
	{"deb", []string{".deb", ".udeb", ".ddeb"}, []string{"!<arch>\n"}},
	{"rpm", []string{".rpm"}, []string{"\xed\xab\xee\xdb"}},
}

// zipStarts are the first bytes of zip archives; the third and fourth are those of an archive that
// was to be split (APPNOTE.TXT, 8.5).
var zipStarts = []string{"PK\x03\x04", "PK\x05\x06", "PK\x07\x08", "PK00PK\x03\x04"}

func zstdStarts() []string {
	list := []string{"\x28\xb5\x2f\xfd"}
	for i := range 16 {
		list = append(list, string([]byte{0x50 + byte(i), 0x2a, 0x4d, 0x18}))
	}
	return list
}

// binaries are the extensions of files that are never an HTML page, and never empty. Extensions of
// text (txt, md, xml) are left out, because an HTML page may be meant.
var binaries = words(`run bin sh exe msi dmg pkg appimage tar tgz tbz tbz2 txz tzst tlz gz gzip bz2 xz zst zstd lz lz4 lzma lzo lrz br z
7z rar zip cab cpio ar so deb udeb ddeb rpm apk snap flatpak whl egg jar war nupkg gem crate conda iso img qcow2 vmdk vdi vhd vhdx
ova raw rom fw cap ipk uf2 squashfs wim efi ko dtb hex safetensors gguf ggml pt pth onnx npz npy h5 hdf5 pb tflite ckpt parquet
arrow feather avro orc pdf mp4 mkv webm mp3 wav flac png jpg jpeg gif webp tif tiff ttf otf woff woff2`)

// The first bytes of a binary are no text, unless it is a script or one of these.
//
// mayBeText are the binaries that may begin with plain text, but not with JSON or XML: Intel HEX,
// PDF, an archive of text files, the description of a virtual disk.
//
// anyBytes are the binaries that have no format of their own, or whose extension has a second
// meaning (a linker's script, a list of Python's paths): text is wrong there only if it holds one
// of errorPhrases.
var (
	mayBeText = words(`hex pdf ar vmdk`)
	anyBytes  = words(`run bin img raw rom fw cap tar so pth`)
)

// errorPhrases are parts of what origins answer in plain text with status 200, in lower case.
var errorPhrases = []string{"not found", "no such", "not exist", "error", "denied", "forbidden", "unauthorized", "authenticat", "credential", "permission",
	"expired", "invalid", "bad request", "too many requests", "rate limit", "quota", "unavailable", "maintenance", "not allowed", "sign in", "log in", "login",
	"must accept", "agreement", "sorry", "please ", "no longer", "unable to", "cannot ", "can't ", "blocked", "not available", "exceeded",
	"try again", "failed", "failure"}

// programs are the extensions of programs on a server, which answer with a page or with a file:
// such a name says nothing of the bytes.
var programs = words(`php php3 php4 php5 php7 php8 phtml cgi fcgi fpl pl asp aspx ashx asmx axd jsp jspx jspa jsf do action cfm cfml nsf dll`)

// texts are the extensions of files that may be empty, but are never an HTML page.
var texts = words(`gpg asc sig pem crt cer der key pub sha1 sha256 sha512 md5 sha1sum sha256sum sha512sum md5sum json jsonl yaml yml toml
csv tsv py repo list conf`)

func words(s string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(s) {
		m[w] = true
	}
	return m
}

// Name returns the file name in a URL, as it was asked for, in lower case: the last path segment,
// or the value of a parameter that names a file where the segment has no extension that is known
// here. It is "" for what is no URL. Redirects and Content-Disposition do not count, because
// clients asked for this name.
func Name(raw string) string {
	u, err := key.Parse(raw, key.Keep)
	if err != nil {
		return ""
	}
	base := lower(u.Basename())
	_, query, _ := strings.Cut(u.String(), "?")
	if neverPage(base) {
		return base
	}
	for _, pair := range strings.Split(query, "&") {
		name, value, _ := strings.Cut(pair, "=")
		switch strings.ToLower(name) {
		case "file", "filename", "name", "path":
			v := lower(value)
			if v = v[strings.LastIndexByte(v, '/')+1:]; neverPage(v) {
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

// typeless reports whether a name says nothing of the type of the file. Install hosts answer there
// with a script for curl and with a page for a browser. What follows the dot of v1.2 is no
// extension.
func typeless(name string) bool {
	ext := extension(name)
	return ext == "" || programs[ext] || strings.Trim(ext[:1], "abcdefghijklmnopqrstuvwxyz") != ""
}

// neverPage reports whether a name says that an HTML page can't be meant. A file beside an archive
// (x.tar.sign, x.tar.gz.sha512, x.tar.gz.DIGESTS) is no page either, and may be text.
func neverPage(name string) bool {
	return Binary(name) || texts[extension(name)] || strings.Contains(name, ".tar.")
}

// Mismatch says why bytes can't be the file that their name says.
type Mismatch struct {
	Why    string // in plain words
	Accept string // the value of a job's accept option that lets them pass: text/html or any
}

// Error returns Why.
func (m *Mismatch) Error() string { return m.Why }

// Check returns why bytes that begin with head can't be the file that name says, or nil. name is
// what Name returns; of head the first 1 KiB is enough. What Check does not know it lets pass.
func Check(name string, head []byte) *Mismatch {
	if neverPage(name) && looksHTML(head) {
		return &Mismatch{"an HTML page came where a ." + extension(name) + " was expected: a login page, a licence to accept, or an error page?", "text/html"}
	}
	if typeless(name) && looksHTML(head) {
		return &Mismatch{"an HTML page came under a name that says of none: a page for browsers, where other tools get a script or a file?", "text/html"}
	}
	if bytes.HasPrefix(head, []byte(lfsPointer)) {
		return &Mismatch{"a Git LFS pointer came instead of the file that it stands for: use the URL that gives the file itself (/resolve/ or /media/ in place of /raw/)", "any"}
	}
	text := textKind(head)
	for _, f := range formats {
		switch {
		case !HasEnding(name, f.endings):
		case f.begins(head):
			return nil
		default:
			return &Mismatch{"the name says " + f.name + ", but the bytes are no " + f.name + butText(text), "any"}
		}
	}
	if Binary(name) && isErrorText(text, extension(name), head) {
		return &Mismatch{text + " came where a ." + extension(name) + " was expected: an error message, most likely", "any"}
	}
	return nil
}

// CheckFile is Check for a complete file that begins with head, and is empty where head is. An
// empty file passes unless its name is that of a binary, and an HTML page passes where acceptHTML.
func CheckFile(name string, head []byte, acceptHTML bool) *Mismatch {
	if len(head) == 0 {
		if Binary(name) {
			return &Mismatch{"the file is empty", "any"}
		}
		return nil
	}
	m := Check(name, head)
	if m != nil && acceptHTML && m.Accept == "text/html" {
		return nil
	}
	return m
}

// maxError is the length in bytes up to which text is taken for an error message though it holds
// none of errorPhrases.
const maxError = 1000

// isErrorText reports whether bytes can't be a file with this extension, because they are text.
// text is their textKind.
func isErrorText(text, ext string, head []byte) bool {
	switch {
	case text == "", ext == "sh", bytes.HasPrefix(head, []byte("#!")):
		return false
	case mayBeText[ext]:
		return text != plainText
	case text == plainText && (anyBytes[ext] || len(head) >= maxError):
		words := strings.ToLower(string(head))
		return slices.ContainsFunc(errorPhrases, func(p string) bool { return strings.Contains(words, p) })
	}
	return true
}

func butText(text string) string {
	if text == "" {
		return ""
	}
	return " but " + text + ", an error message most likely"
}

// lfsPointer begins a pointer file: git-lfs, docs/spec.md.
const lfsPointer = "version https://git-lfs.github.com/spec/"

// textKind returns JSON, XML or plainText for bytes that begin with head, or "" where they are no
// text. The first 1 KiB of a binary holds some byte that no text has.
func textKind(head []byte) string {
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
	return syntaxOf(bytes.TrimSpace(head))
}

const plainText = "plain text"

func syntaxOf(text []byte) string {
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
	return slices.ContainsFunc(endings, func(e string) bool { return strings.HasSuffix(name, e) })
}

func (f format) begins(head []byte) bool {
	return slices.ContainsFunc(f.starts, func(s string) bool { return bytes.HasPrefix(head, []byte(s)) })
}

// htmlTags begin an HTML page, after white space, comments, a byte order mark and an XML
// declaration (WHATWG MIME Sniffing, 7.1). Tags with which other text begins are left out.
var htmlTags = []string{"<!doctype html", "<html", "<head", "<body", "<title", "<script", "<iframe", "<style", "<meta", "<table", "<div", "<h1", "<p>", "<a ", "<br", "<b>", "<font", "<center"}

// looksHTML reports whether bytes that begin with head are an HTML page.
func looksHTML(head []byte) bool {
	if bytes.HasPrefix(head, []byte("\xff\xfe")) || bytes.HasPrefix(head, []byte("\xfe\xff")) { // UTF-16: ASCII with zeros
		head = bytes.ReplaceAll(head[2:], []byte{0}, nil)
	}
	s := strings.TrimPrefix(strings.ToLower(string(head)), "\xef\xbb\xbf")
	for {
		s = strings.TrimLeft(s, " \t\r\n\f")
		rest, ok := cutBetween(s, "<!--", "-->")
		if !ok {
			rest, ok = cutBetween(s, "<?xml", "?>")
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

// cutBetween cuts what stands between open and shut, and both, off the beginning of s.
func cutBetween(s, open, shut string) (string, bool) {
	rest, ok := strings.CutPrefix(s, open)
	if !ok {
		return s, false
	}
	_, rest, ok = strings.Cut(rest, shut)
	return rest, ok
}
