package key

import "strings"

// What the values of signed parameters look like. A name that belongs to one vendor needs no more than some value; one that
// others use as well is told by the form that its scheme alone writes.

func isAny(string) bool { return true }

func isSome(v string) bool { return v != "" }

func begins(with string) func(string) bool {
	return func(v string) bool { return len(v) > len(with) && strings.HasPrefix(v, with) }
}

func isNumber(v string) bool { return only(v, digit) && len(v) <= 12 }

// isUnixTime is a time in seconds, since 2001 and for some centuries.
func isUnixTime(v string) bool { return only(v, digit) && (len(v) == 10 || len(v) == 11) }

// isDay begins with a date, as 2026-11-28T21:27:26Z does.
func isDay(v string) bool {
	return len(v) >= len("2026-11-28") && only(v[:4], digit) && v[4] == '-' && only(v[5:7], digit) && v[7] == '-' && only(v[8:10], digit)
}

func isLetters(v string) bool { return only(v, func(c byte) bool { return 'a' <= c && c <= 'z' }) }

// isToken is base64 of either alphabet, or what percent-encoding makes of it.
func isToken(v string) bool {
	return only(v, func(c byte) bool { return base64URL(c) || c == '%' || c == '+' || c == '/' || c == '=' })
}

// isLong is what 75 bytes and more make in base64, with nothing before it.
func isLong(v string) bool { return len(v) >= 100 && only(strings.TrimRight(v, "="), base64URL) }

// isEdgeToken is Akamai's exp=1700000000~acl=/*~hmac=0a1b…: fields of its own, of which the last is the HMAC in hex.
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

// isGDA is 1700000000_ and an MD5 in hex, or the later form.
func isGDA(v string) bool { return isStamped(v, 32) || isEdgeToken(v) }

// isFastly is 1700000000_ and an HMAC in hex, by SHA-1 or SHA-256; its example has one digit more.
func isFastly(v string) bool { return isStamped(v, 40) || isStamped(v, 41) || isStamped(v, 64) }

func isStamped(v string, n int) bool {
	at, mac, ok := strings.Cut(v, "_")
	return ok && isUnixTime(at) && len(mac) == n && only(mac, hexDigit)
}

// isTypeA is 1700000000-rand-uid- and an MD5 in hex.
func isTypeA(v string) bool {
	part := strings.Split(v, "-")
	return len(part) == 4 && isUnixTime(part[0]) && only(part[1], alnum) && only(part[2], alnum) && len(part[3]) == 32 && only(part[3], hexDigit)
}

// isQiniu is an access key of 40 bytes, and an HMAC-SHA1 in base64url of 28.
func isQiniu(v string) bool {
	name, mac, ok := strings.Cut(v, ":")
	return ok && len(name) == 40 && only(name, base64URL) && len(mac) == 28 && mac[27] == '=' && only(mac[:27], base64URL)
}

// isBunny is a SHA-256 in base64url.
func isBunny(v string) bool { return len(v) == 43 && only(v, base64URL) }

func isMD5URL(v string) bool { return len(v) == 22 && only(v, base64URL) }

func digit(c byte) bool { return '0' <= c && c <= '9' }

func hexDigit(c byte) bool { return unhex(c) < 16 }

func base64URL(c byte) bool { return alnum(c) || c == '-' || c == '_' }

// only reports whether v is one byte or more, all of that kind.
func only(v string, kind func(byte) bool) bool {
	for i := 0; i < len(v); i++ {
		if !kind(v[i]) {
			return false
		}
	}
	return v != ""
}
