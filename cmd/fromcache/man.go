package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/cpuguy83/go-md2man/v2/md2man"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// manCommand is for make man and make install: it writes fromcache(1) from the tree of commands,
// and a page of section 7 from each help topic.
func manCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:    "man DIR",
		Short:  "Write the manual pages into DIR/man1 and DIR/man7",
		Hidden: true,
		Args:   operands(1, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			clean := &app{where: where{getenv: func(string) string { return "" }}} // the defaults are the program's own
			pages := map[string]string{"man1/fromcache.1": manOfVerbs(clean.command())}
			for _, t := range topics {
				pages["man7/fromcache-"+t.name+".7"] = manOfTopic(t)
			}
			for path, text := range pages {
				path = filepath.Join(args[0], path)
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					return err
				}
				if err := os.WriteFile(path, md2man.Render([]byte(text)), 0o644); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

func manOfTopic(t topic) string {
	short, text := t.split()
	return fmt.Sprintf("# fromcache-%[1]s 7 \"\" fromcache\n\n## NAME\n\nfromcache-%[1]s - %[2]s\n\n%[3]s\n"+
		"## SEE ALSO\n\n**fromcache**(1)\n", t.name, literal(short), text)
}

func manOfVerbs(root *cobra.Command) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# fromcache 1 \"\" fromcache\n\n## NAME\n\nfromcache - %s\n\n"+
		"## SYNOPSIS\n\n**fromcache** *VERB* [operands] [flags]\n\n## DESCRIPTION\n\n%s\n", root.Short, root.Long)
	b.WriteString("\n## FLAGS OF EVERY VERB\n\n")
	var server string
	root.PersistentFlags().VisitAll(func(f *pflag.Flag) {
		if f.Name == "server" {
			server = manOfFlag(f)
		} else {
			b.WriteString(manOfFlag(f))
		}
	})
	for _, g := range root.Groups() {
		for _, c := range root.Commands() {
			if c.GroupID == g.ID && c.Runnable() {
				fmt.Fprintf(&b, "\n## fromcache %s\n\n%s\n\n%s",
					literal(c.Use), longText(c), manOfFlags(c.LocalNonPersistentFlags()))
				if c.Annotations[forAfar] != "" {
					b.WriteString(server)
				}
			}
		}
	}
	b.WriteString("\n## SEE ALSO\n\n")
	for i, t := range topics {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "**fromcache-%s**(7)", t.name)
	}
	return b.String() + "\n"
}

func longText(c *cobra.Command) string {
	if c.Long != "" {
		return literalOutsideCode(c.Long)
	}
	return c.Short + "."
}

func manOfFlags(f *pflag.FlagSet) string {
	var b strings.Builder
	f.VisitAll(func(f *pflag.Flag) { b.WriteString(manOfFlag(f)) })
	return b.String()
}

func manOfFlag(f *pflag.Flag) string {
	value, about := pflag.UnquoteUsage(f)
	if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "[]" {
		about += " (default " + f.DefValue + ")"
	}
	return fmt.Sprintf("**--%s** %s\n:   %s\n\n", f.Name, value, literal(about))
}

// literal keeps Markdown from reading the characters of globs and placeholders as marks.
func literal(s string) string { return strings.NewReplacer(`*`, `\*`, `_`, `\_`, `[`, `\[`).Replace(s) }

// literalOutsideCode is literal for a text whose indented lines are code.
func literalOutsideCode(s string) string {
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		if !strings.HasPrefix(line, "    ") {
			lines[i] = literal(line)
		}
	}
	return strings.Join(lines, "\n")
}
