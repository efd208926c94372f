package verbs

import (
	"fmt"
	"slices"
	"strings"

	"fromcache/fsstore/held"
	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
)

// An approval names one URL of a miss, which a person has seen, because any client can add a URL
// with a signature that it made up.

// Shown is a miss as a person saw it.
type Shown struct {
	Name string // of its file
	Sum  string // job.URLSum the URL that was shown; "" where that is not known
}

// ParseShown reads NAME or NAME@SUM, as forms and verbs write it.
func ParseShown(value string) Shown {
	if i := strings.LastIndexByte(value, '@'); i > 0 && held.IsDigest(value[i+1:]) {
		return Shown{value[:i], value[i+1:]}
	}
	return Shown{Name: value}
}

func (m Shown) String() string {
	if m.Sum == "" {
		return m.Name
	}
	return m.Name + "@" + m.Sum
}

// UnseenError says why a miss was not approved: the URL that was seen is not among those recorded
// now, or several are recorded and none was named.
type UnseenError struct {
	Name  string // in misses/
	Seen  string // its sum, or ""
	Noted []job.Variant
}

// maxNamed is how many URLs the error names. The file has them all.
const maxNamed = 5

func (e *UnseenError) Error() string {
	var b strings.Builder
	if e.Seen != "" {
		fmt.Fprintf(&b, "misses/%s does not hold the URL that was shown: look at it again", e.Name)
	} else {
		fmt.Fprintf(&b, "misses/%s holds %d URLs, and nothing says which of them was seen: approve it "+
			"on the page that shows them, or name one as KEY@SUM", e.Name, len(e.Noted))
	}
	for i, v := range slices.Backward(e.Noted) {
		if i < len(e.Noted)-maxNamed {
			fmt.Fprintf(&b, "; and %d more", i+1)
			break
		}
		fmt.Fprintf(&b, "; %s is %s", v.Sum(), key.RedactDistinct(v.URL))
	}
	return b.String()
}

// chooseURL returns the URL of a miss whose sum is seen. An empty seen means the only URL.
func chooseURL(j *job.Job, name, seen string) (string, error) {
	all := j.Variants()
	if seen == "" && len(all) == 1 {
		return all[0].URL, nil
	}
	i := slices.IndexFunc(all, func(v job.Variant) bool { return v.Sum() == seen })
	if i < 0 {
		return "", &UnseenError{name, seen, all} //guard:TestEachURLCanBeChosen
	}
	return all[i].URL, nil
}
