package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// foreign are flags of other programs in our texts.
var foreign = []string{
	"--exclude", "--include", // rsync
	"--system", "--user-group", "--home-dir", "--shell", // useradd
	"--data-urlencode",                                  // curl
	"--now",                                             // systemctl
	"--dir", "--tools", "--system", "--server", "--off", // fromcache-shim
	"--index-url", "--no-index", "--find-links", // pip
	"--experimental",    // Bazel's --experimental_downloader_config
	"--output",          // curl
	"--allow-untrusted", // apk
	"--type",            // spack
}

// Topics and verbs name only verbs, topics and flags that there are, so that no help leads nowhere.
func TestHelpNamesWhatThereIs(t *testing.T) {
	root := (&app{where: where{getenv: func(string) string { return "" }}}).command()
	texts, flags := map[string]string{"README.md": readme(t)}, slices.Clone(foreign)
	collect := func(f *pflag.Flag) { flags = append(flags, "--"+f.Name) }
	root.PersistentFlags().VisitAll(collect)
	for _, c := range root.Commands() {
		c.Flags().VisitAll(collect)
		texts["help "+c.Name()] = c.Long + c.Flags().FlagUsages()
	}
	for name, text := range texts {
		for _, m := range regexp.MustCompile(`fromcache(?: --data-dir \S+)? (help )?([a-z]+)`).FindAllStringSubmatch(text, -1) {
			if !named(root, m[2]) && (m[1] != "" || inCode(text, m[0])) {
				t.Errorf("%s says %q, which is no verb or topic", name, m[0])
			}
		}
		for _, flag := range regexp.MustCompile("[\\s`(](--[a-z][a-z0-9-]+)").FindAllStringSubmatch(text, -1) {
			if name != "help shim" && name != "help https" && name != "help wait" && !slices.Contains(flags, flag[1]) { // those topics are about flags of curl and wget
				t.Errorf("%s says %s, which is no flag", name, flag[1])
			}
		}
	}
}

func named(root *cobra.Command, word string) bool {
	return slices.ContainsFunc(root.Commands(), func(c *cobra.Command) bool { return c.Name() == word })
}

// inCode reports whether a call stands in backquotes or in an indented line.
func inCode(text, call string) bool {
	return strings.Contains(text, "`"+call) || strings.Contains(text, "\n    "+call)
}

// A topic is short, has one heading of the first level, and is a manual page.
func TestTopics(t *testing.T) {
	for _, topic := range topics {
		lines := strings.Split(strings.TrimSuffix(topic.text, "\n"), "\n")
		if len(lines) > 150 || !strings.HasPrefix(lines[0], "# ") {
			t.Errorf("%s has %d lines, the first is %q", topic.name, len(lines), lines[0])
		}
		for i, line := range lines {
			if len([]rune(line)) > 106 || i > 0 && strings.HasPrefix(line, "# ") {
				t.Errorf("%s, line %d: %s", topic.name, i+1, line)
			}
		}
	}
	dir := t.TempDir()
	var said strings.Builder
	if code := run(t.Context(), []string{"fromcache", "man", dir}, os.Getenv, nil, &said, &said); code != 0 || said.Len() > 0 {
		t.Fatalf("fromcache man: %d, %s", code, said.String())
	}
	pages, err := filepath.Glob(dir + "/man?/*")
	if err != nil || len(pages) != 1+len(topics) {
		t.Errorf("there are %d manual pages, %v: %s", len(pages), err, pages)
	}
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil || !strings.Contains(string(text), "\n.SH NAME\nfromcache") {
			t.Errorf("%s begins %.300q, %v", page, text, err)
		}
	}
}
