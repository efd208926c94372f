// Fromcache is the cache-host and its operator's verbs.
//
// fromcache serve answers clients, shows the operator's pages and fetches what was approved. Every
// other verb works on the data directory itself, whether a server runs or not: it makes the same
// calls as the pages do, and these are the renames that a shell would do. With --server most verbs
// ask a server by its API instead; both are an operate.Cache.
//
// This package holds no logic of the cache: what a verb does is in package fsstore. The parts here
// are:
//
//	main.go       one call: arguments, exit status, errors on standard error
//	commands.go   the tree of verbs and help topics; help, man pages and completions come from it
//	complete.go   what a shell completes: the names in the data directory
//	topics.go     the texts of fromcache help, which are written beside what they promise
//	man.go        the manual pages
//	values.go     sizes, spans of time, digests and networks, as flags take them
//	store.go      the flags that choose the data directory and the rule of keys
//	serve.go      the server: everything is opened, run and ended here
//	variables.go  the environment variable of each flag of serve
//	listen.go     the socket, and the address that is said at the start
//	systemd.go    what a service manager is told, and the socket that it holds
//	credentials.go  files for origins that systemd hands over
//	move.go       approve, dismiss, deny, allow, cancel, retry, evict
//	cache.go      what verbs work on: a data directory, or with --server a cache-host from afar
//
// and a file for each other verb. README.md, beside the module's go.mod, is for users.
package main
