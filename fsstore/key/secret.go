package key

import (
	"regexp"
	"strings"
)

// secretWords are parts of the names of parameters whose values are credentials, in lower case.
var secretWords = [...]string{
	"token", "secret", "passw", "signature", "credential", "hmac", "hdnea", "hdnts", "jwt", "oauth", "authoriz", "session",
	"apikey", "authkey", "accesskey", "accessid", "cookie", "sessid", "bearer", "saml", "_gda_",
}

// secretFields are header fields whose whole value is a credential, in lower case.
var secretFields = [...]string{
	"authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key", "x-auth-token", "private-token", "job-token", "x-jfrog-art-api",
}

// secretNames are such names, or their ends after a "-", "_" or ".", in lower case.
var secretNames = [...]string{
	"key", "sig", "sign", "auth", "policy", "pwd", "pass", "keyid", "key-pair-id", "sas", "hash-key",
	"code", "ticket", "refresh", "otp", "nonce", "md5", "h", "st", // OAuth, SSO, NVIDIA and Akamai; nginx's secure_link
}

// secretPrefixes begin the names of the signed URLs of AWS, Google, Alibaba, Tencent and Azure.
var secretPrefixes = [...]string{"x-amz-", "x-goog-", "x-oss-", "x-cos-", "x-ms-", "q-sign", "q-ak", "q-key"}

// sasNames are the other parameters of an Azure shared access signature. They are secret beside
// "sig" only.
var sasNames = [...]string{
	"se", "sp", "sv", "sr", "st", "ss", "si", "sip", "spr", "srt", "sdd", "skoid", "sktid", "skt", "ske", "sks", "skv", "ses",
}

// secretName reports whether a parameter of that name holds a credential.
func secretName(name string) bool {
	n := strings.ToLower(unescape(name))
	for _, p := range secretPrefixes {
		if strings.HasPrefix(n, p) {
			return true
		}
	}
	for _, w := range secretWords {
		if strings.Contains(n, w) {
			return true
		}
	}
	for _, w := range secretNames {
		if rest, ok := strings.CutSuffix(n, w); ok && (rest == "" || !alnum(rest[len(rest)-1])) {
			return true
		}
	}
	return false
}

// looksJWT reports whether v is a JSON Web Token, or other JSON in base64: "eyJ" is `{"`.
func looksJWT(v string) bool {
	return len(v) >= 16 && strings.HasPrefix(v, "eyJ")
}

// tokenForm is how tokens look that are told by their beginning: of GitHub, GitLab, Slack, AWS and
// Hugging Face, and the path segment of Telegram's bots.
var tokenForm = regexp.MustCompile(`(?:^|[^0-9A-Za-z_-])(?:` +
	`gh[oprsu]_[0-9A-Za-z]{16,}|github_pat_[0-9A-Za-z_]{16,}|glpat-[0-9A-Za-z_-]{16,}|` +
	`xox[bp]-[0-9A-Za-z-]{16,}|hf_[0-9A-Za-z]{30,}|(?:AKIA|ASIA)[0-9A-Z]{16}(?:[^0-9A-Za-z_-]|$)|` +
	`bot[0-9]+:[^/?#]+)`)

// HoldsToken reports whether a URL has, anywhere in it, a well-known form of a token. It is a
// judgement of its own beside Redact because redacted text is part of keys, which must not change.
func HoldsToken(rawURL string) bool {
	for range maxNested {
		if tokenForm.MatchString(rawURL) {
			return true
		}
		plain := unescape(rawURL)
		if plain == rawURL {
			return false
		}
		rawURL = plain
	}
	return tokenForm.MatchString(rawURL)
}

// looksRandom reports whether v is long and changes between lower case, upper case and digits more
// often than words and version numbers do. In random hex every second byte is such a change, in
// "cuda_12.9.0_575.51.03_linux" none.
func looksRandom(v string) bool {
	letters, digits, changes := 0, 0, 0
	before := byte(0)
	for i := 0; i < len(v); i++ {
		c := class(v[i])
		switch c {
		case 'd':
			digits++
		case 'l', 'u':
			letters++
		}
		if c != 0 && before != 0 && c != before {
			changes++
		}
		before = c
	}
	n := letters + digits
	return n >= 20 && (digits >= 2 && 4*changes >= n || 20*changes >= 9*n)
}

func class(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return 'd'
	case 'a' <= c && c <= 'z':
		return 'l'
	case 'A' <= c && c <= 'Z':
		return 'u'
	}
	return 0
}

func isOneOf(s string, list []string) bool {
	for _, x := range list {
		if s == x {
			return true
		}
	}
	return false
}
