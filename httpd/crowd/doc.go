// Package crowd knows who waits for what is not held yet: how many clients ask, so that they are
// told when to ask again (Crowd.AskAgain), and requests that are answered once something has changed
// (Crowd.Wait). All of it is in memory, and bounded: it is gone at a restart, and clients ask anew.
package crowd
