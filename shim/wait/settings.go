package wait

import (
	"strings"
	"time"

	"fromcache/shim/call"
	"fromcache/shim/plan"
	"fromcache/shim/probe"
)

// Settings are those of the environment.
type Settings struct {
	For  time.Duration // how long a call waits; 0: not at all
	Fail bool          // what is waited for in vain is an error, and not asked of the origin
}

// maxWait is the longest time that a call waits.
const maxWait = 24 * time.Hour

// Read returns the settings of an environment, and what of it can't be used. The times of package
// probe are among it.
func Read(env call.Env) (s Settings, wrong []string) {
	for _, name := range []string{plan.EnvWait, plan.EnvConnectTimeout, plan.EnvTimeout} {
		v := strings.TrimSpace(env.Get(name))
		if name == plan.EnvWait && !plan.IsOn(v) {
			continue
		}
		d, ok := probe.Duration(v)
		if v != "" && !ok {
			wrong = append(wrong, name+"="+plan.Printable(v)+" is no time, as 30, 0.5 or 10m is")
		}
		if name == plan.EnvWait && ok {
			s.For = min(d, maxWait)
		}
	}
	switch v := strings.TrimSpace(env.Get(plan.EnvOnTimeout)); v {
	case "", "origin":
	case "fail":
		s.Fail = true
	default:
		wrong = append(wrong, plan.EnvOnTimeout+"="+plan.Printable(v)+" is neither origin nor fail")
	}
	return s, wrong
}
