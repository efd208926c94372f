package call

import "strings"

// ProtoLists are the values of --proto or --proto-redir in their order.
type ProtoLists []string

// Allow reports whether a scheme is allowed. Up to curl 7.84 each list goes on from the one before
// it; later ones begin anew. Both readings must allow the scheme.
func (l ProtoLists) Allow(scheme string) bool {
	if len(l) == 0 {
		return true
	}
	afresh, ok := protoAllows(l[len(l)-1], scheme)
	onward, _ := protoAllows(strings.Join(l, ","), scheme)
	return ok && afresh && onward
}

// protoAllows reports whether a --proto or --proto-redir of curl's allows a scheme; each does at
// first. list is read as in curl(1): words separated by commas, each with the modifiers + (also
// allow), - (deny) and = (allow this alone). ok is false for a list that curl would refuse.
func protoAllows(list, scheme string) (allowed, ok bool) {
	allowed = true
	for _, w := range strings.Split(list, ",") {
		if w == "" {
			continue
		}
		name := strings.TrimLeft(w, "+-=")
		action := byte('+')
		if n := len(w) - len(name); n > 0 {
			action = w[n-1]
		}
		if name == "" || !IsAlnum(name[0]) {
			return false, false
		}
		name = strings.ToLower(name)
		fits := name == scheme || name == "all"
		switch {
		case action == '-' && fits:
			allowed = false
		case action == '+' && fits:
			allowed = true
		case action == '=':
			allowed = fits
		}
	}
	return allowed, list != ""
}

// IsAlnum reports whether a byte is an ASCII letter or digit.
func IsAlnum(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'
}
