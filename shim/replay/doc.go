// Package replay is the proof of package shim's one law: it has no code but its test.
//
// TestReplay runs command lines of curl and wget three times each: directly, through the shim
// against a cache-host that holds nothing, and through the shim when all that was asked for has
// been approved and fetched. What a script could notice must be the same: exit status, standard
// output, the names, bytes, modes and times of files, standard error as far as it is not about
// speed and time, and what the origin was asked. A command for which a file counts that is there
// (-C -, -c, -N, -nc) is also run twice in one directory, and twice with half of what it wrote cut
// off in between.
//
// All of that happens in a network namespace in which this machine has every address there is and
// every name leads to one origin, whose certificate authority the tools trust as they trust the
// world's. So the command lines may name real hosts, and nothing leaves the machine. The tools see
// a root directory of their own, so that a command may write wherever it likes.
//
// A third of the commands asks the cache over TLS. testdata/commands.txt is run by make test. make
// replay runs a file of many more, as JSON lines {"argv": [...], "n": 3}, where n is how often a
// line was seen: make replay COMMANDS=FILE.
package replay
