package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

// command returns the whole command line: verbs, flags, operands and help topics. Help, manual
// pages, completions and "did you mean" are made from it.
func (a *app) command() *cobra.Command {
	root := &cobra.Command{
		Use:                        "fromcache",
		Short:                      "keep one copy of what a lab downloads",
		Long:                       rootLong,
		Version:                    versionLine(),
		Args:                       a.noVerb,
		RunE:                       func(*cobra.Command, []string) error { return usagef("no verb given") },
		SilenceErrors:              true,
		SilenceUsage:               true,
		SuggestionsMinimumDistance: 2,
		CompletionOptions:          cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	root.SetUsageTemplate(usageTemplate)
	root.SetVersionTemplate("{{.Version}}\n")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.PersistentFlags().SortFlags = false
	a.addStoreFlags(root.PersistentFlags())
	a.addServerFlag(root.PersistentFlags())
	root.PersistentPreRunE = a.refuseServer
	must(root.MarkPersistentFlagDirname("data-dir"))
	root.PersistentFlags().BoolP("help", "h", false, "show help")
	root.SetHelpFunc(a.hideServer(root.HelpFunc()))
	help := helpCommand(a)
	root.SetHelpCommand(help)
	for _, g := range a.groups(help) {
		root.AddGroup(&cobra.Group{ID: g.title, Title: g.title})
		for _, c := range g.commands {
			c.GroupID = g.title
			root.AddCommand(c)
		}
	}
	root.AddCommand(manCommand(a))
	return root
}

const rootLong = `fromcache keeps one copy of what a lab downloads. What is not held is recorded as a miss, and
fetched once an operator approves it.

A verb works on the data directory, whether a server runs or not; with --server it asks a
cache-host from afar. Flags go before or after operands. The exit status is 0, 1 when the verb
failed, 2 when the call can't be understood.`

type group struct {
	title    string
	commands []*cobra.Command
}

// groups are the verbs in the order in which help shows them.
func (a *app) groups(help *cobra.Command) []group {
	return []group{
		{"The server", append([]*cobra.Command{serveCommand(a), healthCommand(a)}, fromAfar(statusCommand(a))...)},
		{"What is there", fromAfar(lsCommand(a), whyCommand(a), logCommand(a), statsCommand(a), urlCommand(a))},
		{"Decisions", fromAfar(append(moveCommands(a), rulesCommand(a))...)},
		{"Artifacts that nobody asked for", fromAfar(addCommand(a), putCommand(a))},
		{"Other caches", []*cobra.Command{importCommand(a), exportCommand(a), syncCommand(a)}},
		{"Upkeep", []*cobra.Command{fsckCommand(a), gcCommand(a), doctorCommand(a), tokenCommand(a)}},
		{"The program", []*cobra.Command{help, completionCommand(a), versionCommand(a)}},
		{"Help topics: fromcache help TOPIC", topicCommands()},
	}
}

const usageTemplate = `Usage: {{if .HasParent}}{{.UseLine}}{{else}}fromcache VERB [operands] [flags]{{end}}
{{range $group := .Groups}}
{{.Title}}
{{range $.Commands}}{{if eq .GroupID $group.ID}}  {{rpad .Name .NamePadding}}  {{.Short}}
{{end}}{{end}}{{end}}{{if .HasAvailableLocalFlags}}
Flags:
{{.LocalFlags.FlagUsagesWrapped 100}}{{end}}{{if .HasAvailableInheritedFlags}}
Flags of every verb:
{{.InheritedFlags.FlagUsagesWrapped 100}}{{end}}{{if not .HasParent}}
fromcache help VERB shows the flags of a verb.
{{end}}`

// noVerb refuses a first word that is no verb, and names the verbs that are spelled alike.
func (a *app) noVerb(root *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if alike := root.SuggestionsFor(args[0]); len(alike) > 0 {
		return usagef("there is no verb %q; did you mean %s?", args[0], strings.Join(alike, " or "))
	}
	return usagef("there is no verb %q", args[0])
}

// operands accepts min to max operands; max -1 is any number.
func operands(min, max int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		switch {
		case len(args) < min:
			return usagef("%s needs %s", c.Name(), strings.TrimPrefix(c.Use, c.Name()+" "))
		case max >= 0 && len(args) > max:
			return usagef("%s does not know what to do with %q", c.Name(), args[max])
		}
		return nil
	}
}

func helpCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "help [VERB|TOPIC]",
		Short: "Explain a verb, or a topic",
		Args:  operands(0, 1),
		ValidArgsFunction: func(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			var words []string
			for _, sub := range c.Root().Commands() {
				if len(args) == 0 && !sub.Hidden {
					words = append(words, sub.Name()+"\t"+sub.Short)
				}
			}
			return words, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(c *cobra.Command, args []string) error {
			about, _, err := c.Root().Find(args)
			if err != nil || len(args) > 0 && about == c.Root() {
				return usagef("there is no verb or topic %q; fromcache help lists them", args[0])
			}
			return about.Help()
		},
	}
}

func completionCommand(a *app) *cobra.Command {
	shells := map[string]func(*cobra.Command, io.Writer) error{
		"bash": func(root *cobra.Command, w io.Writer) error { return root.GenBashCompletionV2(w, true) },
		"zsh":  (*cobra.Command).GenZshCompletion,
		"fish": func(root *cobra.Command, w io.Writer) error { return root.GenFishCompletion(w, true) },
	}
	return &cobra.Command{
		Use:   "completion bash|zsh|fish",
		Short: "Print a script that lets a shell complete verbs, flags and keys",
		Long: `Print a script that lets a shell complete verbs, flags and the keys in the data directory.
make install puts the three where the shells look. For one shell alone:

    source <(fromcache completion bash)
    source <(fromcache completion zsh)
    fromcache completion fish | source`,
		Args:      operands(1, 1),
		ValidArgs: []string{"bash", "zsh", "fish"},
		RunE: func(c *cobra.Command, args []string) error {
			write, ok := shells[args[0]]
			if !ok {
				return usagef("completion for %q is not known: give bash, zsh or fish", args[0])
			}
			return write(c.Root(), a.stdout)
		},
	}
}

// must is for what only a mistake in this package can make fail.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

func columns(w io.Writer) *tabwriter.Writer { return tabwriter.NewWriter(w, 0, 8, 2, ' ', 0) }

// reportAll prints errors, a line each, and returns errReported where there was one.
func (a *app) reportAll(errs []error) error {
	for _, err := range errs {
		fmt.Fprintf(a.stderr, "fromcache: %s\n", oneLine(err))
	}
	if len(errs) > 0 {
		return errReported
	}
	return nil
}
