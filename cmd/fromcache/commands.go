package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// verb is one word after "fromcache".
type verb struct {
	name, operands, about string
	min, max              int // operands; max -1: any number
	setup                 func(*app, *flag.FlagSet) func(context.Context, []string) error
}

// verbs in the order in which help shows them.
func verbs() []verb {
	const keys = "KEY|GLOB|URL…"
	return []verb{
		{"serve", "", "answer clients, show the operator's pages, fetch what was approved", 0, 0, (*app).serve},
		{"ls", "[misses|queue|active|done|failed|cancelled|denied|artifacts]", "list one directory; without a name: counts, and what waits for someone", 0, 1, (*app).ls},
		{"approve", keys, "fetch what was asked for: misses/ to queue/", 1, -1, (*app).approve},
		{"dismiss", keys, "forget a miss; a failed or cancelled job too, by its whole name: the newer, or as failed/NAME that one", 1, -1, (*app).dismiss},
		{"deny", keys + "|HOST|*.DOMAIN", "never note or fetch it; what is held is still served", 1, -1, (*app).deny},
		{"cancel", keys, "stop what waits or is being fetched", 1, -1, (*app).cancel},
		{"retry", keys, "queue again what failed or was cancelled; what is done too, by its whole name: the newest, or as done/NAME that one", 1, -1, (*app).retry},
		{"evict", keys, "hold it no longer; its blob goes a day later", 1, -1, (*app).evict},
		{"add", "URL…", "queue URLs that nobody need have asked for", 1, -1, (*app).add},
		{"put", "URL FILE", "hold FILE (- is standard input) as the artifact of URL", 2, 2, (*app).put},
		{"url", "URL", "print the address at which the cache serves URL", 1, 1, (*app).url},
		{"why", "URL", "say what is known of URL: key, rule, state, who and when", 1, 1, (*app).why},
		{"stats", "", "print what was served, fetched, hit and missed, day by day", 0, 0, (*app).stats},
		{"fsck", "", "check every blob, meta and job file", 0, 0, (*app).fsck},
		{"gc", "", "take blobs that nothing names out of service, and free the old ones", 0, 0, (*app).gc},
		{"health", "", "ask the server on this machine whether it is well: exit status 0 or 1", 0, 0, (*app).health},
		{"version", "", "print the version", 0, 0, (*app).version},
	}
}

func findVerb(name string) (verb, bool) {
	for _, v := range verbs() {
		if v.name == name {
			return v, true
		}
	}
	return verb{}, false
}

// help prints the verbs, or one verb's flags.
func (a *app) help(names []string) error {
	if len(names) == 0 {
		a.helpAll()
		return nil
	}
	v, ok := findVerb(names[0])
	if !ok {
		return usageError{err: fmt.Errorf("there is no verb %q", names[0])}
	}
	fmt.Fprintf(a.stdout, "usage: fromcache %s\n\n%s\n", strings.Join(strings.Fields(v.name+" [flags] "+v.operands), " "), v.about)
	f := flag.NewFlagSet(v.name, flag.ContinueOnError)
	f.SetOutput(io.Discard)
	v.setup(a, f)
	w := columns(a.stdout)
	first := true
	f.VisitAll(func(f *flag.Flag) {
		if first {
			fmt.Fprintln(w, "\nflags:")
			first = false
		}
		value, about := flag.UnquoteUsage(f)
		if f.DefValue != "" && f.DefValue != "false" {
			about += " (default " + f.DefValue + ")"
		}
		fmt.Fprintf(w, "  --%s\t%s\n", strings.TrimSpace(f.Name+" "+value), about)
	})
	return w.Flush()
}

func (a *app) helpAll() {
	fmt.Fprint(a.stdout, "fromcache keeps one copy of what a lab downloads; what is not held is recorded, and fetched once someone approves it.\n\nusage: fromcache VERB [flags] [operands]\n\n")
	w := columns(a.stdout)
	for _, v := range verbs() {
		fmt.Fprintf(w, "  %s\t%s\n", v.name, v.about)
	}
	w.Flush()
	fmt.Fprint(a.stdout, `
A verb works on the data directory, server running or not: --data-dir, else $FROMCACHE_DATA_DIR, else ./data.
A GLOB is matched against the names that ls shows; quote it. Exit status: 0, 1 it failed, 2 the call can't be understood.
fromcache help VERB tells a verb's flags.
`)
}

func columns(w io.Writer) *tabwriter.Writer { return tabwriter.NewWriter(w, 0, 8, 2, ' ', 0) }
