package call

import (
	"slices"
	"strings"
)

// NetrcNames reports whether a .netrc may have credentials for a host (lower case). It has if host
// or "default" is a word of it, as what it may be: to read on would save a download at best.
func NetrcNames(text, host string) bool {
	text = strings.ReplaceAll(strings.ReplaceAll(text, `\`, ""), `"`, " ") // as words may be quoted
	words := strings.Fields(strings.ToLower(text))
	return slices.Contains(words, host) || slices.Contains(words, "default")
}
