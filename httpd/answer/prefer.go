package answer

import (
	"strconv"
	"strings"
	"time"
)

// Wait returns for how long a client prefers to wait for an answer that is not there yet, most at
// the longest: the preference wait in the lines of the field Prefer, RFC 7240, 4.3. The first of
// several counts. What is no such preference is ignored, as RFC 7240 demands.
func Wait(lines []string, most time.Duration) (time.Duration, bool) {
	for _, line := range lines {
		for pref := range strings.SplitSeq(line, ",") {
			pref, _, _ = strings.Cut(pref, ";")
			name, value, _ := strings.Cut(pref, "=")
			n, err := strconv.ParseUint(strings.Trim(strings.TrimSpace(value), `"`), 10, 32)
			if strings.EqualFold(strings.TrimSpace(name), "wait") && err == nil {
				return min(time.Duration(n)*time.Second, most), true
			}
		}
	}
	return 0, false
}

// WaitApplied is the value of Preference-Applied for a wait that was granted.
func WaitApplied(wait time.Duration) string {
	return "wait=" + strconv.Itoa(int(wait/time.Second))
}
