package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"fromcache/fsstore"
	"fromcache/httpd/operate"
)

// complete completes the names in directories of the data directory, as ls shows them. It lists the
// directories itself: to open the store may repair them, and a completion must change nothing.
func (a *app) complete(dirs ...string) cobra.CompletionFunc {
	return func(command *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
		if strings.Contains(begun, "/") {
			return nil, cobra.ShellCompDirectiveDefault // a path, as in data/misses/
		}
		var names []string
		c, err := a.farCache()
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		if c != nil {
			return farNames(command.Context(), c, dirs, args, begun), cobra.ShellCompDirectiveNoFileComp
		}
		for _, dir := range dirs {
			entries, _ := os.ReadDir(filepath.Join(a.store.dir, dir)) //nolint:errcheck // then there is nothing to complete
			for _, e := range entries {
				if name := operandName(e.Name()); strings.HasPrefix(name, begun) && !slices.Contains(args, name) {
					names = append(names, name)
				}
			}
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}

// farNames asks a server for names, a thousand of a directory at most.
func farNames(ctx context.Context, c operate.Cache, dirs, args []string, begun string) (names []string) {
	ctx, stop := context.WithTimeout(ctx, 5*time.Second)
	defer stop()
	page := operate.Page{Match: globEscaper.Replace(begun) + "*"}
	add := func(file string) {
		if name := operandName(file); strings.HasPrefix(name, begun) && !slices.Contains(args, name) {
			names = append(names, name)
		}
	}
	for _, dir := range dirs {
		if dir == "meta" {
			list, _ := c.Artifacts(ctx, page) //nolint:errcheck // then there is nothing to complete
			for i := range list.Artifacts {
				add(list.Artifacts[i].Key)
			}
			continue
		}
		if dir == "allowed" {
			rules, _ := c.Rules(ctx) //nolint:errcheck // then there is nothing to complete
			for i := range rules {
				add(rules[i].Name)
			}
			continue
		}
		list, _ := c.Jobs(ctx, fsstore.State(dir), page) //nolint:errcheck // then there is nothing to complete
		for i := range list.Jobs {
			add(list.Jobs[i].Name)
		}
	}
	return names
}

var globEscaper = strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`)

// operandName is what a verb takes for a file: KEY for KEY.job, KEY.json and KEY@WORKER.job; "" for
// a file that no verb takes.
func operandName(file string) string {
	name, _, _ := strings.Cut(strings.TrimSuffix(strings.TrimSuffix(file, ".job"), ".json"), "@")
	if strings.HasPrefix(name, ".") || strings.HasSuffix(name, "~") || strings.HasSuffix(name, ".why") {
		return ""
	}
	return name
}

func completeStates(states []fsstore.State) []string {
	var dirs []string
	for _, st := range states {
		dirs = append(dirs, string(st))
	}
	return dirs
}

// completeWords completes from a fixed set, for a flag's value.
func completeWords(words ...string) cobra.CompletionFunc {
	return cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)
}

// noFiles is for operands that are URLs.
var noFiles = cobra.NoFileCompletions
