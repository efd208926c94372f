package key

import "strings"

// movingWords are parts of names under which an origin serves whatever is newest.
var movingWords = [...]string{"latest", "stable", "current", "nightly", "newest", "edge", "rolling", "daily", "snapshot"}

// movingBranches are segments of paths of that kind: the branches of repositories.
var movingBranches = [...]string{"main", "master", "head", "trunk", "develop", "devel"}

// installers begin the names of install scripts, which have no version in their names.
var installers = [...]string{"install", "setup", "bootstrap", "get", "rustup", "init"}

// Moving returns the part of the URL which suggests that its bytes change: a word such as "latest",
// a branch, or the name of an install script or host without a version. It is "" where there is
// none, or where the file's own name has a version.
func (u URL) Moving() string {
	path, query := u.pathAndQuery()
	base := u.base
	if w := movingWord(base); w != "" {
		return w
	}
	if hasVersion(base) {
		return ""
	}
	for seg := range strings.SplitSeq(path, "/") {
		if w := movingWord(seg); w != "" {
			return w
		}
		if isOneOf(strings.ToLower(seg), movingBranches[:]) {
			return seg
		}
	}
	for param := range strings.SplitSeq(query, "&") {
		if _, value, _ := strings.Cut(param, "="); movingWord(value) != "" {
			return movingWord(value)
		}
	}
	if hasVersion(path) || hasVersion(query) {
		return ""
	}
	if first, _, _ := strings.Cut(u.host, "."); path == "/" && query == "" && (first == "sh" || isOneOf(first, installers[:])) {
		return u.host
	}
	return installer(base, path)
}

// movingWord returns the first of movingWords in a name, as it is written there, or "".
func movingWord(name string) string {
	for word := range strings.FieldsFuncSeq(name, func(r rune) bool { return r >= 0x80 || !alnum(byte(r)) }) {
		if isOneOf(strings.ToLower(word), movingWords[:]) {
			return word
		}
	}
	return ""
}

// installer returns base if it is the name of an install script, such as install.sh, else "".
func installer(base, path string) string {
	stem, ext, _ := strings.Cut(strings.ToLower(base), ".")
	if ext != "" && ext != "sh" && ext != "bash" && ext != "py" && ext != "ps1" {
		return ""
	}
	for _, word := range installers {
		if rest, ok := strings.CutPrefix(stem, word); ok && (rest == "" || !alnum(rest[0])) {
			return base
		}
	}
	if ext == "sh" && strings.Count(path, "/") == 1 {
		return base
	}
	return ""
}

// hasVersion reports whether s holds something like a version, a date or a commit: digits with a
// dot, "_" or "-" between, six digits or more, or seven or more hex digits with both digits and
// letters.
func hasVersion(s string) bool {
	for word := range strings.FieldsFuncSeq(s, func(r rune) bool { return r >= 0x80 || !alnum(byte(r)) && r != '.' && r != '_' && r != '-' }) {
		digits := 0
		for i := range len(word) {
			switch c := word[i]; {
			case digit(c):
				digits++
			case digits > 0 && (c == '.' || c == '_' || c == '-') && i+1 < len(word) && digit(word[i+1]):
				return true
			default:
				if c != '-' && c != '_' {
					digits = 0
				}
			}
			if digits >= 6 {
				return true
			}
		}
		if len(word) >= 7 && only(word, hexDigit) && strings.ContainsAny(word, "0123456789") && strings.ContainsAny(word, "abcdef") {
			return true
		}
	}
	return false
}

// ChangingParam returns the name of the one parameter in which two URLs of one path differ, if both
// its values look generated, so that it may be a signature of an unknown scheme; else "".
func ChangingParam(a, b string) string {
	path, query, is := strings.Cut(a, "?")
	other, with, also := strings.Cut(b, "?")
	if path != other || !is || !also || query == with {
		return ""
	}
	var found string
	for more, also := true, true; more || also; {
		var p, q string
		p, query, more = strings.Cut(query, "&")
		q, with, also = strings.Cut(with, "&")
		if more != also {
			return ""
		}
		if p == q {
			continue
		}
		name, x, _ := strings.Cut(p, "=")
		same, y, _ := strings.Cut(q, "=")
		if name != same || found != "" || !looksGenerated(name, x) || !looksGenerated(name, y) {
			return ""
		}
		found = name
	}
	return found
}

// looksGenerated reports whether a parameter's value looks like a signature or token. The digests
// of git don't count, because they choose the content.
func looksGenerated(name, v string) bool {
	v = unescape(v)
	return !isContentParam(name) && (looksRandom(v) || looksJWT(v)) && !((len(v) == 40 || len(v) == 64) && only(v, hexDigit))
}
