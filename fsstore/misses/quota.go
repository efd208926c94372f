package misses

import (
	"maps"
	"net/netip"
	"sync"
	"sync/atomic"

	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
)

// quota counts the files in misses/, and those of each network, so that nobody can fill the disk
// with misses and no client can crowd out the others.
type quota struct {
	making sync.RWMutex // read-locked from the counting of a file until it exists
	mu     sync.Mutex
	owner  map[string]string // name of each file to the network that made it; nil: not listed yet
	share  map[string]int    // files of each network
	lost   atomic.Int64
}

// NotNoted returns how many misses this process did not record, because misses/ was full, or the
// client's tenth of it was, or the file of that name can't take it.
func (s *Misses) NotNoted() int64 { return s.quota.lost.Load() }

// takeQuota counts one more miss, of file k, against max-misses and against the share of its
// network. It counts before the file is made, because a thousand requests at once would all pass.
// The caller makes the file and calls done, which is nil where the quota is used up. A file that was
// counted and not made counts until the next listing.
func (s *Misses) takeQuota(k, client string, share int) (done func(), err error) {
	r := &s.quota
	r.mu.Lock()
	listed := r.owner != nil
	r.mu.Unlock()
	if !listed {
		if err := s.CountMisses(); err != nil {
			return nil, err
		}
	}
	r.making.RLock()
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, counted := r.owner[k]; !counted {
		if len(r.owner) >= s.maxMisses || //guard:TestMissesAreBounded
			r.share[client] >= share { //guard:TestRoomIsTakenBeforeTheFileIsMade
			r.making.RUnlock()
			return nil, nil
		}
		r.add(k, client)
	}
	return r.making.RUnlock, nil
}

// add counts a file; the caller holds mu.
func (r *quota) add(k, client string) {
	r.owner[k] = client
	r.share[client]++
}

// CountMisses sets the quota by a listing of misses/, which is the truth. It reads only files that
// it has not seen before. What was counted during the listing is added, because the listing may
// lack it.
func (s *Misses) CountMisses() error {
	r := &s.quota
	r.making.Lock() // whatever is counted by now is there to be listed
	r.mu.Lock()
	before := maps.Clone(r.owner)
	r.mu.Unlock()
	r.making.Unlock()
	names, err := s.tree.Names(string(tree.Misses))
	if err != nil {
		return err
	}
	counted := quota{owner: make(map[string]string, len(names)), share: map[string]int{}}
	for _, k := range names {
		client, known := before[k]
		if !known {
			client = s.networkOf(k)
		}
		counted.add(k, client)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for k, client := range r.owner {
		_, listed := counted.owner[k]
		if _, old := before[k]; !old && !listed {
			counted.add(k, client)
		}
	}
	r.owner, r.share = counted.owner, counted.share
	return nil
}

// networkOf returns the network of the client that made a miss.
func (s *Misses) networkOf(k string) string {
	b, err := tree.ReadFile(s.tree.JobPath(tree.Misses, k), 2*key.MaxURL)
	if err != nil {
		return ""
	}
	jobs := job.Parse(b).Jobs
	for i := range jobs {
		if n := FirstNetwork(&jobs[i]); n != "" {
			return n
		}
	}
	return ""
}

// FirstNetwork returns the network of a job's first client, which is what has a share; "" where it has
// none.
func FirstNetwork(j *job.Job) string {
	if c := j.Clients(); len(c) > 0 {
		return network(c[0].Addr)
	}
	return ""
}

// network returns what counts as one client: an IPv4 address, or the /64 of an IPv6 address,
// because one host owns all of it.
func network(addr string) string {
	a, err := netip.ParseAddr(addr)
	if err != nil || a.Is4() {
		return addr
	}
	p, err := a.Prefix(64)
	if err != nil {
		return addr
	}
	return p.String()
}
