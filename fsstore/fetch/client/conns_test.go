package client

import "testing"

// TestHostConns: a host has no more connections than its limit, and a job that waits for one goes
// on when one ends. Nothing is kept of hosts without connections.
func TestHostConns(t *testing.T) {
	var c hostConns
	for _, host := range []string{"h", "h", "other"} {
		if !c.acquire(host, 2) {
			t.Errorf("%s is refused below the limit", host)
		}
	}
	if !c.acquire("other", 0) {
		t.Error("refused without a limit")
	}
	if c.acquire("h", 2) {
		t.Error("three connections of two")
	}
	c.await("k", "h")
	c.await("k2", "idle.example")
	if !c.isWaiting("k") || c.isWaiting("k2") {
		t.Error("waits for a host without connections, or not for one that has all")
	}
	c.release("other")
	c.release("other")
	if !c.isWaiting("k") {
		t.Error("goes on by the end of another host's connection")
	}
	c.release("h")
	if c.isWaiting("k") || !c.acquire("h", 2) {
		t.Error("does not go on")
	}
	c.release("h")
	c.release("h")
	if len(c.n) != 0 || len(c.full) != 0 {
		t.Errorf("kept: %v %v", c.n, c.full)
	}
}
