package tokens

import (
	"encoding/hex"
	"fmt"
	"strings"
	"time"
)

// Role is what the bearer of a token may do.
type Role string

// The roles.
const (
	Read    Role = "read"    // see what the pages show
	Operate Role = "operate" // and do what an operator does
)

// Token is a file of tokens/.
type Token struct {
	Name    string
	Role    Role
	Expires time.Time // zero: never
	Made    time.Time // zero: not said
	By      string    // who made it, as the file says
	Flaw    string    // why the file is no token, and proves nothing
	sum     [32]byte
}

// HasExpired reports whether the token's time is over.
func (t *Token) HasExpired() bool { return !t.Expires.IsZero() && !time.Now().Before(t.Expires) }

const (
	maxFile = 4 << 10
	maxName = 24 // name, colon and IPv6 address are what a job's line has room for
	never   = "never"
)

// isName reports whether a token may have this name.
func isName(s string) bool {
	return s != "" && len(s) <= maxName && s[0] != '-' && s[0] != '_' &&
		strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-_") == ""
}

// parse reads the text of tokens/<name>.
func parse(name, text string) Token {
	t := Token{Name: name}
	t.Flaw = t.flawIn(text)
	return t
}

// flawIn fills t in, and says why the text is no token.
func (t *Token) flawIn(text string) string {
	switch {
	case !isName(t.Name):
		return "no token has such a name"
	case len(text) > maxFile:
		return fmt.Sprintf("it is longer than %d bytes", maxFile)
	case !strings.HasSuffix(text, "\n"):
		return "its last line has no end"
	}
	seen := map[string]bool{}
	for line := range strings.Lines(text) {
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		if word == "" || word[0] == '#' {
			continue
		}
		if why := t.line(word, strings.TrimSpace(rest)); why != "" {
			return why
		}
		if seen[word] {
			return "it has two lines " + word
		}
		seen[word] = true
	}
	for _, word := range []string{"sha256", "role", "expires"} {
		if !seen[word] {
			return "it lacks the line " + word
		}
	}
	return ""
}

// line takes one line, and says what is wrong with it.
func (t *Token) line(word, rest string) string {
	var err error
	switch word {
	case "sha256":
		if n, err := hex.Decode(t.sum[:], []byte(rest[:min(len(rest), 64)])); err != nil || n != 32 || len(rest) != 64 {
			return "its sha256 has not 64 hexadecimal digits"
		}
	case "role":
		if t.Role = Role(rest); t.Role != Read && t.Role != Operate {
			return "its role is neither read nor operate"
		}
	case "expires":
		if rest == never {
			return ""
		}
		if t.Expires, err = time.Parse(time.RFC3339, rest); err != nil {
			return "its expires is neither a time, as in 2030-01-31T02:00:00Z, nor never"
		}
	default:
		made, err := time.Parse(time.RFC3339, word)
		if err != nil {
			return fmt.Sprintf("it has a line %.40q, which is not known", word)
		}
		if by, ok := strings.CutPrefix(rest, "add "); ok {
			t.Made, t.By = made, by
		}
	}
	return ""
}
