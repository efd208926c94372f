package read

import (
	"net/http"
	"strconv"
	"strings"
)

// maxRanges: a client that asks for more at once gets the whole, as RFC 9110,
// 14.2 lets a server do. Each costs a header of its own, many times what asking
// for it does.
const maxRanges = 16

// settleRange makes of a Range field what ServeContent answers as RFC 9110
// wants it. A unit that nobody knows is ignored (14.2), a name of a unit has any
// letter case (14.1). What is no set of ranges, or asks for the last 0 bytes
// (14.1.1), becomes one that can't be satisfied: ServeContent would answer
// without the size (15.5.17), or send an empty range.
func settleRange(h http.Header, size int64) {
	v := h["Range"]
	if v == nil {
		return
	}
	unit, set, ok := strings.Cut(v[0], "=")
	switch {
	case !ok || !strings.EqualFold(unit, "bytes") || strings.Count(set, ",") >= maxRanges:
		delete(h, "Range")
	case !isRangeSet(set):
		h["Range"] = []string{"bytes=" + strconv.FormatInt(size, 10) + "-"}
	case unit != "bytes":
		h["Range"] = []string{"bytes=" + set}
	}
}

// isRangeSet takes N-, N-M and -N, with commas between them.
func isRangeSet(set string) bool {
	for one := range strings.SplitSeq(set, ",") {
		one = strings.Trim(one, " \t")
		if one == "" {
			continue // RFC 9110, 5.6.1: empty elements are ignored
		}
		first, last, ok := strings.Cut(one, "-")
		from, isFrom := digits(first)
		to, isTo := digits(last)
		switch {
		case !ok || !isFrom && first != "" || !isTo && last != "":
			return false
		case first == "" && to == 0, last != "" && isFrom && to < from:
			return false
		}
	}
	return true
}

// digits reads a number without a sign.
func digits(s string) (int64, bool) {
	if s == "" || s[0] < '0' || s[0] > '9' {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}
