package fsstore

import (
	"maps"
	"net/netip"

	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
)

// NotNoted is how many misses this process did not note because misses/ was
// full, or the client's tenth of it was.
func (s *Store) NotNoted() int64 { return s.notes.lost.Load() }

// disown gives back the room of a miss that could not be made.
func (s *Store) disown(who asked) {
	s.notes.mu.Lock()
	defer s.notes.mu.Unlock()
	if client, ok := s.notes.owner[who.key]; ok {
		delete(s.notes.owner, who.key)
		s.notes.share[client]--
	}
}

// room takes the room of one more miss, if it fits: under max-misses in all, and
// under a tenth of it for one client, so that no client can crowd out the
// others. It is taken before the file is made, or a thousand at once would all
// find room.
func (s *Store) room(who asked) (bool, error) {
	s.notes.mu.Lock()
	known := s.notes.owner != nil
	s.notes.mu.Unlock()
	if !known {
		if err := s.countMisses(); err != nil {
			return false, err
		}
	}
	s.notes.mu.Lock()
	defer s.notes.mu.Unlock()
	if _, ok := s.notes.owner[who.key]; ok {
		return true, nil
	}
	if len(s.notes.owner) >= s.maxMisses || s.notes.share[who.client] >= max(1, s.maxMisses/10) {
		return false, nil
	}
	s.notes.owner[who.key] = who.client
	s.notes.share[who.client]++
	s.notes.making[who.key] = true
	return true, nil
}

// made ends the making of a file that room was taken for: from here a listing
// shows whether it is there.
func (s *Store) made(who asked) {
	s.notes.mu.Lock()
	defer s.notes.mu.Unlock()
	delete(s.notes.making, who.key)
}

// countMisses compares what is known of misses/ with the listing. Only files
// not seen before are read. What was being made when the listing began may be
// missing from it, and is kept.
func (s *Store) countMisses() error {
	s.notes.mu.Lock()
	before, making := maps.Clone(s.notes.owner), maps.Clone(s.notes.making)
	s.notes.mu.Unlock()
	names, err := s.names(string(Misses))
	if err != nil {
		return err
	}
	owner, share := make(map[string]string, len(names)), map[string]int{}
	take := func(k, client string) {
		if _, ok := owner[k]; !ok {
			owner[k] = client
			share[client]++
		}
	}
	for _, k := range names {
		client, ok := before[k]
		if !ok {
			client = s.maker(k)
		}
		take(k, client)
	}
	s.notes.mu.Lock()
	defer s.notes.mu.Unlock()
	for k, client := range s.notes.owner {
		if _, ok := before[k]; !ok || making[k] {
			take(k, client)
		}
	}
	s.notes.owner, s.notes.share = owner, share
	if s.notes.making == nil {
		s.notes.making = map[string]bool{}
	}
	return nil
}

// maker is the network of the client that made a miss.
func (s *Store) maker(k string) string {
	b, err := readFile(s.job(Misses, k), 2*key.MaxURL)
	if err != nil {
		return ""
	}
	for _, j := range job.Parse(b).Jobs {
		if c := j.Clients(); len(c) > 0 {
			return network(c[0].Addr)
		}
	}
	return ""
}

// network is the client for counting: an IPv6 host owns its whole /64.
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
