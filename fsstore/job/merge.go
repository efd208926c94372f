package job

import (
	"bytes"
	"slices"
	"time"
)

// Merge returns what goes to done/: own's URL line and options, then the log of earlier, the job that is there already,
// then own's log. It keeps at most MissRoom bytes, so that a retry finds room for its events, and drops the oldest lines of
// the log for that. Where earlier's URLs
// would change what own's approve line stands for, that line gets its URL.
//
// A crash between its writing and the rename makes recovery run it again, so it adds nothing to an own that begins with
// earlier's log already, or with as much of it as had room.
func Merge(earlier, own []byte) []byte {
	_, before := split(earlier)
	before = slices.DeleteFunc(before, func(line []byte) bool { return hasScheme(string(line)) })
	head, log := split(own)
	head = fitHead(head)
	room := MissRoom - size(head)
	log = fit(log, room)
	if !merged(before, log, room) {
		log = fit(slices.Concat(before, pin(head, before, log, room)), room)
	}
	return bytes.Join(slices.Concat(head, log), nil)
}

// split returns the first URL line and the options of b, and its other lines but blank ones. Each has its line end.
func split(b []byte) (head, log [][]byte) {
	var below [][]byte // options
	for line := range bytes.SplitSeq(bytes.TrimPrefix(b, []byte(mark)), []byte("\n")) {
		if line = bytes.Trim(line, " \t\r"); len(line) == 0 {
			continue
		}
		line = append(slices.Clip(line), '\n')
		switch {
		case optionOf(string(line)) != "": // also one that can't be taken: the line that mends it stays below it
			below = append(below, line)
		case head == nil && hasScheme(string(line)):
			head = [][]byte{line}
		default:
			log = append(log, line)
		}
	}
	return append(head, below...), log
}

// fitHead drops the last options of a head that is longer than a file may be.
func fitHead(head [][]byte) [][]byte {
	for n := size(head); n > MissRoom; head = head[:len(head)-1] {
		n -= len(head[len(head)-1])
	}
	return head
}

// fit drops the oldest lines until the rest fits into room bytes.
func fit(log [][]byte, room int) [][]byte {
	n := size(log)
	for n > room {
		n -= len(log[0])
		log = log[1:]
	}
	return log
}

// merged reports whether log begins with before, or with an end of it whose next older line had no room.
func merged(before, log [][]byte, room int) bool {
	if len(before) == 0 {
		return true
	}
	used := size(log)
	back := borders(log)
	for k := overlap(before, log, back); k > 0; k = back[k-1] {
		if k == len(before) || used+len(before[len(before)-k-1]) > room {
			return true
		}
	}
	return false
}

// borders is the failure function of Knuth, Morris and Pratt: back[i] is the length of the longest proper prefix of
// log[:i+1] that is its suffix too. It keeps a log of 32,768 equal lines from taking a second.
func borders(log [][]byte) []int {
	back := make([]int, len(log))
	for i := 1; i < len(log); i++ {
		back[i] = extend(log, back, back[i-1], log[i])
	}
	return back
}

// overlap returns the length of the longest prefix of log that is a suffix of before.
func overlap(before, log [][]byte, back []int) int {
	k := 0
	for _, line := range before {
		if k == len(log) && k > 0 {
			k = back[k-1]
		}
		k = extend(log, back, k, line)
	}
	return k
}

// extend returns the length of the longest prefix of log that ends in line, where one of length k stood before it.
func extend(log [][]byte, back []int, k int, line []byte) int {
	for k > 0 && !bytes.Equal(log[k], line) {
		k = back[k-1]
	}
	if len(log) > 0 && bytes.Equal(log[k], line) {
		k++
	}
	return k
}

// pin returns log with its URL on the newest approve line, if lines before it would let that stand for another URL, and if
// there is room.
func pin(head, before, log [][]byte, room int) [][]byte {
	url := fetchURL(head, log)
	if url == "" || url == fetchURL(head, before, log) {
		return log
	}
	i, e := newestApproval(log)
	if i < 0 || e.URL != "" {
		return log
	}
	e.URL = url
	line := []byte(e.Line())
	if size(log)-len(log[i])+len(line) > room {
		return log
	}
	log = slices.Clone(log)
	log[i] = line
	return log
}

func fetchURL(parts ...[][]byte) string {
	jobs := Parse(bytes.Join(slices.Concat(parts...), nil)).Jobs
	if len(jobs) == 0 {
		return ""
	}
	return jobs[0].FetchURL()
}

// newestApproval returns the last approve line, or the last retry line where none approves, or -1.
func newestApproval(log [][]byte) (int, Event) {
	at, found := -1, Event{}
	for i, line := range slices.Backward(log) {
		e, ok := eventOf(line)
		if ok && e.Kind == Approve {
			return i, e
		}
		if ok && e.Kind == Retry && at < 0 {
			at, found = i, e
		}
	}
	return at, found
}

// eventOf reads one line of a log.
func eventOf(line []byte) (Event, bool) {
	var t time.Time
	word, rest := cutWord(string(bytes.TrimSpace(line)))
	t, ok := parseTime(word)
	if !ok {
		return Event{}, false
	}
	e, why := parseEvent(rest)
	e.Time = t
	return e, why == ""
}

func size(lines [][]byte) int {
	n := 0
	for _, l := range lines {
		n += len(l)
	}
	return n
}
