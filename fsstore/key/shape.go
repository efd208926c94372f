package key

import "strings"

// The forms of the values of signed parameters. For a name that one vendor alone uses any value
// does; a name that others use too needs the form that only its scheme writes.

func isAny(string) bool { return true }

func isSome(v string) bool { return v != "" }

func begins(with string) func(string) bool {
	return func(v string) bool { return len(v) > len(with) && strings.HasPrefix(v, with) }
}

func isNumber(v string) bool { return only(v, digit) && len(v) <= 12 }

// isUnixTime reports whether v is a time in seconds after 2001, of 10 or 11 digits.
func isUnixTime(v string) bool { return only(v, digit) && (len(v) == 10 || len(v) == 11) }

// isDay reports whether v begins with a date, as 2026-11-28T21:27:26Z does.
func isDay(v string) bool {
	return len(v) >= len("2026-11-28") && only(v[:4], digit) && v[4] == '-' && only(v[5:7], digit) && v[7] == '-' && only(v[8:10], digit)
}

func isLetters(v string) bool { return only(v, func(c byte) bool { return 'a' <= c && c <= 'z' }) }

// isToken reports whether v is base64 of either alphabet, percent-encoded or not.
func isToken(v string) bool {
	return only(v, func(c byte) bool { return base64URL(c) || c == '%' || c == '+' || c == '/' || c == '=' })
}

// isLong reports whether v is base64 of 75 bytes or more.
func isLong(v string) bool { return len(v) >= 100 && only(strings.TrimRight(v, "="), base64URL) }

// isEdgeToken reports whether v has Akamai's form, exp=1700000000~acl=/*~hmac=0a1b…, of which the
// last field is the HMAC in hex.
func isEdgeToken(v string) bool {
	end, mac := false, false
	for more := true; more; {
		var field string
		field, v, more = strings.Cut(v, "~")
		name, value, _ := strings.Cut(field, "=")
		switch name {
		case "exp":
			end = isNumber(value)
		case "hmac":
			mac = !more && only(value, hexDigit)
		case "st", "ip", "acl", "url", "id", "data":
		default:
			return false
		}
	}
	return end && mac
}

// isGDA reports whether v is 1700000000_ and an MD5 in hex, or has Akamai's later form.
func isGDA(v string) bool { return isStamped(v, 32) || isEdgeToken(v) }

// isFastly reports whether v is 1700000000_ and an HMAC in hex, by SHA-1 or SHA-256; the vendor's
// example has one digit more.
func isFastly(v string) bool { return isStamped(v, 40) || isStamped(v, 41) || isStamped(v, 64) }

func isStamped(v string, n int) bool {
	at, mac, ok := strings.Cut(v, "_")
	return ok && isUnixTime(at) && len(mac) == n && only(mac, hexDigit)
}

// isTypeA reports whether v is 1700000000-rand-uid- and an MD5 in hex.
func isTypeA(v string) bool {
	part := strings.Split(v, "-")
	return len(part) == 4 && isUnixTime(part[0]) && only(part[1], alnum) && only(part[2], alnum) && len(part[3]) == 32 && only(part[3], hexDigit)
}

// isQiniu reports whether v is an access key of 40 bytes, a ":" and an HMAC-SHA1 in 28 bytes of
// base64url.
func isQiniu(v string) bool {
	name, mac, ok := strings.Cut(v, ":")
	return ok && len(name) == 40 && only(name, base64URL) && len(mac) == 28 && mac[27] == '=' && only(mac[:27], base64URL)
}

// isBunny reports whether v is a SHA-256 in base64url.
func isBunny(v string) bool { return len(v) == 43 && only(v, base64URL) }

// isMD5URL reports whether v is an MD5 in base64url.
func isMD5URL(v string) bool { return len(v) == 22 && only(v, base64URL) }

func digit(c byte) bool { return '0' <= c && c <= '9' }

func hexDigit(c byte) bool { return unhex(c) < 16 }

func base64URL(c byte) bool { return alnum(c) || c == '-' || c == '_' }

// only reports whether v is one byte or more, all of which kind accepts.
func only(v string, kind func(byte) bool) bool {
	for i := 0; i < len(v); i++ {
		if !kind(v[i]) {
			return false
		}
	}
	return v != ""
}
