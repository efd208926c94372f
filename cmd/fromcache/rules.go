package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"fromcache/fsstore"
	"fromcache/httpd/operate"
)

func rulesCommand(a *app) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "rules ls | add NAME [LINE...] | rm NAME... | test [FILE...] | suggest",
		Short: "Show, make, try and propose standing approvals: what is fetched without a person",
		Long: `Show, make, try and propose standing approvals, the files in allowed/: fromcache help allowed.
(fromcache allow is another verb: it takes denials back.)

ls shows each rule, what it has taken, and what is wrong with it.
add makes the rule NAME, which is a host, '*.DOMAIN' or a key, with these lines, as in
rules add dl.example.com 'path /cuda/*' 'budget 500GiB/30d'. rm NAME takes it back.
test replays what people decided, as done/, failed/, cancelled/ and denied/ tell it, against each
rule, or against FILES that are named as they would be in allowed/: what the rule would have
approved, and where it would have approved what a person refused. Then the exit status is 1.
suggest prints the commands that would make a rule of each host, or of directories of it, of which
people approved three artifacts or more and refused none.`,
		Args: operands(1, -1),
		ValidArgsFunction: func(c *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
			switch {
			case len(args) == 0:
				return []string{"ls", "add", "rm", "test", "suggest"}, cobra.ShellCompDirectiveNoFileComp
			case args[0] == "rm":
				return a.complete("allowed")(c, args, begun)
			case args[0] == "test":
				return nil, cobra.ShellCompDirectiveDefault
			}
			return nil, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(c *cobra.Command, args []string) error { return rules(c.Context(), a, args, asJSON) },
	}
	c.Flags().BoolVar(&asJSON, "json", false, "of ls, test and suggest: print an object a line, for programs")
	return c
}

func rules(ctx context.Context, a *app, args []string, asJSON bool) error {
	verb, rest := args[0], args[1:]
	do := map[string]func(operate.Cache) error{
		"ls":      func(c operate.Cache) error { return listRules(ctx, a, c, asJSON) },
		"add":     func(c operate.Cache) error { return addRule(ctx, a, c, rest) },
		"rm":      func(c operate.Cache) error { return removeRules(ctx, a, c, rest) },
		"test":    func(c operate.Cache) error { return testRules(ctx, a, c, rest, asJSON) },
		"suggest": func(c operate.Cache) error { return suggestRules(ctx, a, c, asJSON) },
	}[verb]
	switch {
	case do == nil, (verb == "ls" || verb == "suggest") && len(rest) > 0:
		return usagef("rules does not know what to do with %q: give ls, add NAME [LINE...], rm NAME..., "+
			"test [FILE...] or suggest", strings.Join(args, " "))
	case (verb == "add" || verb == "rm") && len(rest) == 0:
		return usagef("rules %s needs a NAME: a host, '*.DOMAIN' or a key", verb)
	}
	c, err := a.openCache()
	if err != nil {
		return err
	}
	return do(c)
}

func listRules(ctx context.Context, a *app, c operate.Cache, asJSON bool) error {
	rules, err := c.Rules(ctx)
	if err != nil {
		return err
	}
	if asJSON {
		return printEach(a.stdout, rules)
	}
	w := columns(a.stdout)
	fmt.Fprintln(w, "NAME\tTOOK\tBUDGET LEFT\tMAX SIZE\tUNTIL\tLINES")
	for i := range rules {
		r := &rules[i]
		fmt.Fprintf(w, "%s\t%d, %s\t%s\t%s\t%s\t%s\n", printable(r.Name), r.Jobs, bytes(r.Bytes),
			budgetLeft(r), sizeOrDash(r.MaxSize), until(r.Until), dash(printable(r.Lines())))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for i := range rules {
		for _, note := range ruleNotes(&rules[i]) {
			fmt.Fprintf(a.stdout, "allowed/%s: %s\n", printable(rules[i].Name), printable(note))
		}
	}
	return nil
}

// printEach prints an object a line.
func printEach[T any](w io.Writer, list []T) error {
	for i := range list {
		if err := printJSON(w, &list[i]); err != nil {
			return err
		}
	}
	return nil
}

// ruleNotes say what is wrong with a rule, and what to know of it.
func ruleNotes(r *operate.Rule) (notes []string) {
	if r.Flaw != "" {
		return []string{"it allows nothing: " + r.Flaw}
	}
	for _, note := range []string{r.Stopped, r.Warning} {
		if note != "" {
			notes = append(notes, note)
		}
	}
	return notes
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func sizeOrDash(n int64) string {
	if n == 0 {
		return "-"
	}
	return bytes(n)
}

func budgetLeft(r *operate.Rule) string {
	if r.Budget == 0 {
		return "-"
	}
	return fmt.Sprintf("%s of %s/%dd", bytes(max(0, r.Budget-r.Spent)), bytes(r.Budget), r.Days)
}

func until(t *time.Time) string {
	if t == nil {
		return "-"
	}
	return t.UTC().Format(time.RFC3339)
}

func addRule(ctx context.Context, a *app, c operate.Cache, args []string) error {
	name := path.Base(args[0]) // allowed/NAME, as tab completion writes it
	if err := c.AddRule(ctx, name, args[1:]); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	fmt.Fprintf(a.stdout, "made allowed/%s\n", printable(name))
	rules, err := c.Rules(ctx)
	for i := range rules {
		if rules[i].Name == name && rules[i].Warning != "" {
			fmt.Fprintf(a.stderr, "fromcache: %s: %s\n", printable(name), printable(rules[i].Warning))
		}
	}
	return err
}

func removeRules(ctx context.Context, a *app, c operate.Cache, args []string) error {
	var failed []error
	for _, arg := range args {
		name := path.Base(arg)
		switch err := c.RemoveRule(ctx, name); {
		case errors.Is(err, fs.ErrNotExist):
			failed = append(failed, fmt.Errorf("there is no rule %s: see fromcache rules ls", name))
		case err != nil:
			failed = append(failed, fmt.Errorf("%s: %w", name, err))
		default:
			fmt.Fprintf(a.stdout, "removed allowed/%s\n", printable(name))
		}
	}
	return a.reportAll(failed)
}

func testRules(ctx context.Context, a *app, c operate.Cache, files []string, asJSON bool) error {
	var texts []operate.RuleText
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		texts = append(texts, operate.RuleText{Name: filepath.Base(file), Text: string(b)})
	}
	trials, err := c.TryRules(ctx, texts)
	if err != nil {
		return err
	}
	if asJSON {
		err = printEach(a.stdout, trials)
	}
	refused := 0
	for i := range trials {
		refused += trials[i].Refused
		if !asJSON {
			printTrial(a, &trials[i])
		}
	}
	if err == nil && refused > 0 {
		return errReported
	}
	return err
}

func printTrial(a *app, t *operate.Trial) {
	fmt.Fprintf(a.stdout, "allowed/%s would have approved %s that a person approved, %s",
		printable(t.Rule.Name), counted(t.Agreed, "artifact"), bytes(t.Bytes))
	if t.TooLarge > 0 {
		fmt.Fprintf(a.stdout, "; %d more are larger than its max-size", t.TooLarge)
	}
	fmt.Fprintln(a.stdout)
	if t.Rule.Flaw != "" {
		fmt.Fprintf(a.stdout, "  it allows nothing: %s\n", printable(t.Rule.Flaw))
	}
	for _, d := range t.Against {
		fmt.Fprintf(a.stdout, "  and %s, which a person refused: %s\n", printable(d.URL), printable(d.Job))
	}
	if n := t.Refused - len(t.Against); n > 0 {
		fmt.Fprintf(a.stdout, "  and %d more that people refused\n", n)
	}
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func suggestRules(ctx context.Context, a *app, c operate.Cache, asJSON bool) error {
	list, err := c.SuggestRules(ctx)
	if err != nil {
		return err
	}
	if asJSON {
		return printEach(a.stdout, list)
	}
	if len(list) == 0 {
		fmt.Fprintln(a.stderr, "fromcache: there is no host of which people approved three artifacts and refused "+
			"none, and that no rule is about")
	}
	for _, s := range list {
		fmt.Fprintf(a.stdout, "# %s approved, %s, none refused\nfromcache rules add %s", counted(s.Approved, "artifact"),
			bytes(s.Bytes), fsstore.ShellWord(printable(s.Name)))
		for _, line := range s.Lines {
			fmt.Fprint(a.stdout, " ", fsstore.ShellWord(printable(line)))
		}
		fmt.Fprintln(a.stdout)
	}
	return nil
}
