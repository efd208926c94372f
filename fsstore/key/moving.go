package key

import "strings"

// movingWords are parts of names that mean whatever is newest.
var movingWords = [...]string{"latest", "stable", "current", "nightly", "newest", "edge", "rolling", "daily", "snapshot"}

// movingBranches are whole segments of paths that do: branches of repositories.
var movingBranches = [...]string{"main", "master", "head", "trunk", "develop", "devel"}

// installers begin the names of scripts that are served under one name for ever.
var installers = [...]string{"install", "setup", "bootstrap", "get", "rustup", "init"}

// Moving returns what in a URL's name says that it may bring other bytes tomorrow: a word such as "latest", a branch, or the
// name of an install script, or host, without a version; "" where nothing does. A version in the file's own name says that it stays.
func (u URL) Moving() string {
	path, query, _ := strings.Cut(u.full[strings.Index(u.full, u.host)+len(u.host):], "?")
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

// movingWord returns the first of movingWords that is a part of a name, as it stands there.
func movingWord(name string) string {
	for word := range strings.FieldsFuncSeq(name, func(r rune) bool { return r >= 0x80 || !alnum(byte(r)) }) {
		if isOneOf(strings.ToLower(word), movingWords[:]) {
			return word
		}
	}
	return ""
}

// installer returns the name of a script that installs what is newest: install.sh, or a bare host such as get.example.com.
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

// hasVersion reports whether s holds what a version, a date or a commit looks like: digits with a dot between, six digits or
// more, or hex as long as an abbreviated commit with digits and letters.
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

// ChangingParam returns the name of the one parameter in which two URLs of one path differ, where both its values look as if a
// machine had made them up, so that it may be a signature of a kind that nobody has told us; else "".
func ChangingParam(a, b string) string {
	path, query, is := strings.Cut(a, "?")
	other, with, also := strings.Cut(b, "?")
	if path != other || !is || !also || query == with {
		return ""
	}
	var drifts string
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
		if name != same || drifts != "" || !madeUp(name, x) || !madeUp(name, y) {
			return ""
		}
		drifts = name
	}
	return drifts
}

// madeUp reports whether a value chooses no content that anybody would know by it. Digests of git do.
func madeUp(name, v string) bool {
	v = unescape(v)
	return !isContentParam(name) && (looksRandom(v) || looksJWT(v)) && !((len(v) == 40 || len(v) == 64) && only(v, hexDigit))
}
