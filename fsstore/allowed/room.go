package allowed

import (
	"fmt"

	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/key"
	"fromcache/fsstore/misses"
)

// What bounds the jobs that rules add to queue/, because a client may ask for URLs that it has made
// up. What finds no room waits in misses/, and is looked at again in lookAgain.
const (
	maxQueued = 1000           // with so many jobs in queue/ rules add none
	maxShare  = maxQueued / 10 // and with so many that one client asked for, they add no more for it
)

// room is how many jobs rules may add to queue/ now.
type room struct {
	all   int
	taken map[string]int // jobs of rules in queue/, by the network of the client that asked first
}

// loadQueued returns the network of the client for which a rule approved a job in queue/; "" where a
// person did.
func (r *Rules) loadQueued(name string) (client string, err error) {
	f, err := r.spool.JobFile(tree.Queue, name)
	if err == nil && ApprovedBy(&f.Job) != "" {
		client = misses.FirstNetwork(&f.Job)
	}
	return client, err
}

// lookForRoom lists queue/. It reads only the jobs that it has not seen there before.
func (r *Rules) lookForRoom() room {
	names, err := r.tree.Names(string(tree.Queue))
	if err != nil || len(names) >= maxQueued {
		return room{}
	}
	r.queued.RescanNames(names)
	taken := map[string]int{}
	for _, client := range r.queued.All() {
		taken[*client]++
	}
	return room{maxQueued - len(names), taken}
}

// refusal says why there is no room for one more job of a client, or "".
func (m room) refusal(client string) string {
	switch {
	case m.all <= 0:
		return fmt.Sprintf("once fewer than %d jobs wait in queue/", maxQueued)
	case client != "" && m.taken[client] >= maxShare: //guard:TestOneClientLeavesRoom
		return fmt.Sprintf("once fewer than %d jobs of its client wait in queue/", maxShare)
	}
	return ""
}

func (m *room) take(client string) {
	m.all--
	m.taken[client]++
}

// clientOf returns the network of the client that made the miss k, or "".
func (r *Rules) clientOf(k string) string {
	f, err := r.spool.JobFile(tree.Misses, k)
	if err != nil {
		return ""
	}
	return misses.FirstNetwork(&f.Job)
}

// clientOfURL is clientOf the miss of u, where there is one.
func (r *Rules) clientOfURL(u key.URL) string {
	if k := r.spool.FindMiss(r.spool.IDOf(u)); k != "" {
		return r.clientOf(k)
	}
	return ""
}
