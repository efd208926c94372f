// Fromcache-torture tries to break what fromcache promises: whatever is killed,
// cut, filled or lied to, no approved job is lost, no artifact that was
// acknowledged is lost, and no client is served bytes that are not whole and
// checked.
//
// It runs the real binary, under strace, on file systems that it makes and cuts,
// and prints a table: threat, cases tried, violations. Parts run alone when they
// are named; -long tries each for as long as it takes. What this machine can't
// do is said in a line below the table. Most of it needs root.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"fromcache/fsstore/torture"
)

// part is one harness.
type part struct {
	name, threat, about string
	run                 func(*program, *torture.Row)
}

var parts = []part{
	{"kill", "1 kill at every step", "SIGKILL at each system call of each flow", killAll},
	{"errno", "3 any call fails", "an error from each system call of each flow", failAll},
	{"powercut", "2 power cut", "ext4 and xfs on loop devices, cut without a flush of the journal", powerCuts},
	{"randomkill", "1 random kills", "SIGKILL at any moment, and again during recovery", randomKills},
	{"full", "4 disk or inodes full", "a tmpfs is filled and freed under a server", fullDisk},
	{"faults", "4 11 faults of a machine", "read-only, data/ moved away, few descriptors", faults},
	{"planted", "7 planted files", "links, FIFOs, devices and directories under names of ours", planted},
	{"tools", "8 people's tools", "cp, rsync, editors and pipes, slowly", tools},
	{"moves", "11 bursts of moves", "more events than a queue of events holds", moves},
	{"servers", "12 two servers", "on one directory", twoServers},
	{"moosefs", "12 two servers", "each on its own mount of a MooseFS", sharedDirectory},
	{"misses", "5 misses without end", "distinct URLs, far more than may be noted", manyMisses},
	{"copies", "13 rsync of a live tree", "each copy is served", copies},
	{"rot", "15 bit rot", "a bit flips in each blob", rot},
	{"schedules", "16 a lying origin", "random cuts, changes and lies, and stops of the worker", schedules},
	{"slow", "20 slow clients", "requests a byte a second, and readers that read nothing", slowClients},
	{"fuzz", "6 9 14 garbage", "every fuzz target of the tree", fuzzAll},
	{"model", "1 12 any order", "the store against a model in memory", model},
	{"guards", "all: taken away", "each guard removed, and the test that misses it", guards},
}

func main() {
	long := flag.Bool("long", false, "as many cases as the promise names, instead of a slice")
	flag.Usage = usage
	flag.Parse()
	names := flag.Args()
	for i, arg := range names { // flags may follow the names
		if arg == "-long" || arg == "--long" {
			*long = true
			names = slices.Delete(slices.Clone(names), i, i+1)
			break
		}
	}
	os.Exit(run(names, *long))
}

func usage() {
	fmt.Fprintln(os.Stderr, "usage: fromcache-torture [-long] [PART…]")
	for _, p := range parts {
		fmt.Fprintf(os.Stderr, "  %-12s %s\n", p.name, p.about)
	}
}

func run(names []string, long bool) int {
	chosen, err := choose(names)
	if err != nil {
		fmt.Fprintln(os.Stderr, "fromcache-torture:", err)
		return 2
	}
	p, err := newProgram(long)
	if err != nil {
		fmt.Fprintln(os.Stderr, "fromcache-torture:", err)
		return 1
	}
	defer p.close()
	go p.closeAtSignal()
	var rows []*torture.Row
	for _, part := range chosen {
		fmt.Fprintf(os.Stderr, "%s: %s\n", part.name, part.about)
		rows = append(rows, p.try(part))
	}
	if torture.Print(os.Stdout, rows) > 0 {
		return 1
	}
	return 0
}

// closeAtSignal leaves no mount behind when somebody has seen enough.
func (p *program) closeAtSignal() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	<-signals
	sh("umount -l %s/*/mnt 2>/dev/null || true", p.temp)
	p.close()
	os.Exit(1)
}

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

// try runs a part. One that can't go on has found something, too.
func (p *program) try(part part) (row *torture.Row) {
	row = torture.NewRow(part.threat, part.name)
	began := time.Now()
	defer func() {
		if v := recover(); v != nil {
			row.Violated("the harness could not go on: %v", v)
		}
		row.Took(time.Since(began))
	}()
	part.run(p, row)
	return row
}
