package wait

import (
	"testing"

	"fromcache/shim/plan"
)

// TestBusyIsHeard holds that a cache-host that is busy is not one that is silent, and that what it
// had said counts.
func TestBusyIsHeard(t *testing.T) {
	queued := plan.Answer{Outcome: plan.Miss, Pending: true, Reason: "queued"}
	busy := plan.Answer{Unknown: true, Pending: true, Reason: "busy"}
	for _, c := range []struct {
		before plan.Answer
		now    plan.Reply
		heard  bool
	}{
		{queued, plan.Reply{Status: 503, Detail: "busy", RetryAfter: 1}, true},
		{queued, plan.Reply{Status: 503, RetryAfter: 1}, false},
		{queued, plan.Reply{}, false},
		{busy, plan.Reply{Status: 503, Detail: "busy", RetryAfter: 1}, true},
	} {
		answers := []plan.Answer{c.before}
		w := Waiter{Ask: func(q []plan.Question) []plan.Answer { return []plan.Answer{q[0].Judge(c.now)} }}
		if heard := w.again(make([]plan.Question, 1), answers, []int{0}); heard != c.heard || answers[0] != c.before {
			t.Errorf("%+v: heard %v, %+v", c, heard, answers[0])
		}
	}
}
