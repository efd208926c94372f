// Package client requests URLs from origins. It follows redirects and checks each URL of the chain
// as it checks the first: what denied/ forbids, which address may be dialled, what the host's file
// of --origins says, and the proxy of the environment. Each hop has a connection of its own.
//
// It knows of no job and of nothing on the disk. Its errors say what happened, what to do, and
// whether a further attempt may succeed: see package failure.
package client
