package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"fromcache/cmd/fromcache-torture/judge"
)

// part is one harness, and how many cases of what it tries: in a slice, which
// `go test` runs, and with -long. A part whose slice is 0 is in the long run only.
type part struct {
	name, threat, about string
	slice, long         int
	of                  string
	run                 func(p *program, n int, row *judge.Row)
}

var parts = []part{
	{"kill", "1 kill at every step", "SIGKILL at each system call of each flow", 2, 60, "turns of each call", killAll},
	{"errno", "3 any call fails", "an error from each system call of each flow", 2, 60, "turns of each call", failAll},
	{"powercut", "2 power cut", "ext4 and xfs on loop devices, cut without a flush of the journal", 20, 500, "cuts of each", powerCuts},
	{"randomkill", "1 random kills", "SIGKILL at any moment, and again during recovery", 6, 500, "kills, each with one in recovery", randomKills},
	{"full", "4 disk or inodes full", "a tmpfs is filled and freed under a server, which goes on by itself", 2, 100, "fills of each kind", fullDisk},
	{"faults", "4 11 faults of a machine", "read-only, data/ moved away, few descriptors", 2, 20, "moves of data/", faults},
	{"planted", "7 planted files", "links, FIFOs, devices and directories under names of ours", 1, 1, "of each kind in each directory", planted},
	{"tools", "8 people's tools", "cp, rsync, editors and pipes, slowly", 1, 1, "of each tool", tools},
	{"moves", "11 bursts of moves", "more events than a queue of events holds", 17_000, 50_000, "files, moved three times", moves},
	{"watch", "11 lost watches", "no watch is to be had, or it is of another directory", 1, 20, "moves of each kind", lostWatch},
	{"servers", "12 two servers", "on one directory", 600, 100_000, "jobs", twoServers},
	{"moosefs", "12 two servers", "each on its own mount of a MooseFS", 60, 2000, "jobs", sharedDirectory},
	{"misses", "5 misses without end", "distinct URLs, far more than may be noted", 3000, 1_000_000, "URLs", manyMisses},
	{"copies", "13 rsync of a live tree", "each copy is served", 5, 100, "copies", copies},
	{"restore", "13 an old copy restored", "over a live tree, by rsync in four ways", 4, 100, "restores", restored},
	{"rot", "15 bit rot", "a bit flips in each blob", 60, 1000, "flipped bits", rot},
	{"schedules", "16 a lying origin", "random cuts, changes and lies, and stops of the worker", 300, 100_000, "schedules", schedules},
	{"slow", "20 slow clients", "requests a byte a second, and readers that read nothing", 400, 10_000, "clients", slowClients},
	{"soak", "21 leaks", "descriptors, threads and memory after all that clients and operators do", 100, 20_000, "rounds", soak},
	{"fuzz-key", "6 forged keys", "URLs, names and request lines; a slice is `make fuzz`, as of all fuzzing", 0, 10_000_000, "runs of each target", fuzz("fuzz-key")},
	{"fuzz-job", "9 garbled jobs", "the text of job files", 0, 1_000_000, "runs of each target", fuzz("fuzz-job")},
	{"fuzz-tree", "9 14 garbled files", "metas and numbers", 0, 1_000_000, "runs of each target", fuzz("fuzz-tree")},
	{"fuzz-disk", "9 garbled jobs", "claimed and recovered, on a disk", 0, 200_000, "runs of each target", fuzz("fuzz-disk")},
	{"fuzz-http", "16 garbled answers", "headers of origins and of clients, the first bytes of a body", 0, 1_000_000, "runs of each target", fuzz("fuzz-http")},
	{"fuzz-rest", "garbled arguments", "of the client, and every other fuzz target of the tree", 0, 200_000, "runs of each target", fuzz("fuzz-rest")},
	{"clock", "10 clock steps", "the tests of what goes by a clock; `go test ./...` runs these and those below, too", 0, 1, "of each test", prove("clock")},
	{"addresses", "17 ways inside", "spellings, redirects and resolvers that lead to addresses inside", 0, 1, "of each test", prove("addresses")},
	{"pages", "18 hostile pages", "cross-site requests, and script in every field, in a real browser", 0, 1, "of each test", prove("pages")},
	{"guesses", "19 guessing", "of the password", 0, 100_000, "guesses", prove("guesses")},
	{"canaries", "22 credentials", "secrets in every input, looked for in every output", 0, 1, "of each test", prove("canaries")},
	{"model", "1 12 any order", "the store against a model in memory; a slice is TestModel of fsstore", 0, 5000, "walks", model},
	{"guards", "all: taken away", "each guard removed, and the test that misses it", 0, 1, "of each guard", guards},
}

// cases is how many are tried.
func (part part) cases(long bool) int {
	if long {
		return part.long
	}
	return part.slice
}

// listParts shows what is tried.
func listParts(w io.Writer) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "PART\tSLICE\t-LONG\tOF\tIS")
	for _, p := range parts {
		fmt.Fprintf(t, "%s\t%d\t%d\t%s\t%s\n", p.name, p.slice, p.long, p.of, p.about)
	}
	t.Flush()
}

// choose returns the parts of these names, or all.
func choose(names []string) ([]part, error) {
	if len(names) == 0 {
		return parts, nil
	}
	var chosen []part
	for _, name := range names {
		i := slices.IndexFunc(parts, func(p part) bool { return p.name == name })
		if i < 0 {
			return nil, fmt.Errorf("there is no part %q: %s", name, strings.Join(partNames(), ", "))
		}
		chosen = append(chosen, parts[i])
	}
	return chosen, nil
}

func partNames() (names []string) {
	for _, p := range parts {
		names = append(names, p.name)
	}
	return names
}
