// Package wait has a call wait for what is approved and not held yet: FROMCACHE_WAIT.
//
// A cache-host says of such a URL that it is queued, or being fetched, and in what time to ask
// again. It is asked again until it holds the URL or says something else, or the time is over. All
// URLs of a call wait together.
package wait

import (
	"math/rand/v2"
	"time"

	"fromcache/shim/plan"
)

// Waiter asks the caches, and asks again about what they do not hold yet.
type Waiter struct {
	Ask func([]plan.Question) []plan.Answer // once
	Settings
	Say func(line string) // is told what is waited for; nil: nobody is
}

const (
	// defaultRetry is the seconds after which is asked again where the cache does not say.
	defaultRetry = 2
	// lostAfter is how long a cache that gives no answer any more is waited for: one that is
	// restarted is not asked for half of that.
	lostAfter = time.Minute
)

// Answers returns the last answers to the questions, and why what was waited for is not held.
func (w Waiter) Answers(questions []plan.Question) []plan.Answer {
	began := time.Now()
	out := w.Ask(questions)
	end := w.end(began, questions, out)
	heard, told, approved := time.Now(), map[int]string{}, map[int]bool{}
	for {
		var open []int
		for i := range out {
			if out[i].Pending {
				open = append(open, i)
				approved[i] = approved[i] || !out[i].Unknown
			}
		}
		left := time.Until(end)
		if len(open) == 0 || left <= 0 {
			break
		}
		w.say(questions, out, open, left, told)
		time.Sleep(min(pause(out, open), left))
		if w.again(questions, out, open) {
			heard = time.Now()
		} else if time.Since(heard) > lostAfter {
			break
		}
	}
	if end.After(began) {
		for i := range out {
			out[i].Waited = time.Since(began).Seconds()
			out[i].Vain = vain(out[i], approved[i], end)
		}
	}
	return out
}

// vain says why a wait has ended without the artifact; empty where it is held, or nothing was waited
// for. What a cache-host is too busy to tell of and then says that nobody approved was not waited for.
func vain(a plan.Answer, approved bool, end time.Time) string {
	switch {
	case a.Pending && !time.Now().Before(end):
		return "the time to wait is over"
	case a.Pending:
		return "the cache has given no answer for " + lostAfter.String()
	case approved && a.Outcome == plan.Miss:
		return "the job that this call waited for has failed, or was cancelled or denied"
	}
	return ""
}

// end returns when the waiting is over. A call that limits the time of its whole transfer spends no
// more than that on it, and half where the origin is to be asked then. It is the beginning where
// nothing is waited for.
func (w Waiter) end(began time.Time, questions []plan.Question, answers []plan.Answer) time.Time {
	most, pending := w.For, false
	for i, q := range questions {
		pending = pending || answers[i].Pending
		limit := time.Duration(min(q.Limit, maxWait.Seconds()) * float64(time.Second))
		if !w.Fail {
			limit /= 2
		}
		if q.Limit != 0 {
			most = min(most, max(limit, 0))
		}
	}
	if !pending {
		return began
	}
	return began.Add(most)
}

// pause returns the longest of the times that the caches named, times 0.5 to 1.5.
func pause(answers []plan.Answer, open []int) time.Duration {
	seconds := 1
	for _, i := range open {
		after := answers[i].RetryAfter
		if after < 0 {
			after = defaultRetry
		}
		seconds = max(seconds, after)
	}
	d := time.Duration(seconds) * time.Second
	return d/2 + rand.N(d)
}

// again asks about what is open, and reports whether a cache answered, if only that it is busy. What
// was said before counts where none says more.
func (w Waiter) again(questions []plan.Question, answers []plan.Answer, open []int) (heard bool) {
	asked := make([]plan.Question, len(open))
	for j, i := range open {
		asked[j] = questions[i]
	}
	for j, a := range w.Ask(asked) {
		heard = heard || a.Pending
		if !a.Unknown {
			answers[open[j]], heard = a, true
		}
	}
	return heard
}

// say tells what is waited for, each time that it changes.
func (w Waiter) say(
	questions []plan.Question, answers []plan.Answer, open []int, left time.Duration,
	told map[int]string,
) {
	for _, i := range open {
		if w.Say == nil || told[i] == answers[i].Reason {
			continue
		}
		told[i] = answers[i].Reason
		w.Say("wait: " + plan.Redacted(questions[i].URL.String()) + " (" + answers[i].Reason +
			") for up to " + left.Round(time.Second).String())
	}
}
