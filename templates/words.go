package templates

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"strings"
	"sync"
)

// wordsText is every text of the pages, a line each: "NAME = TEXT". In a text %s is an argument;
// where it has the form "ONE || MORE" its first argument, a number, chooses. It is HTML.
//
//go:embed words.txt
var wordsText string

// words are the texts by name.
var words = sync.OnceValue(func() map[string]string {
	all := map[string]string{}
	for line := range strings.Lines(wordsText) {
		name, text, ok := strings.Cut(strings.TrimSpace(line), " = ")
		if ok && !strings.HasPrefix(name, "#") {
			all[name] = text
		}
	}
	return all
})

// Say returns a text of words.txt as HTML, its arguments escaped and its numbers grouped.
func Say(name string, args ...any) (template.HTML, error) {
	text, err := fill(name, args, template.HTMLEscapeString)
	return template.HTML(text), err
}

// Word is Say for texts without markup, for code that makes values for pages. It panics where there
// is no such text, which TestWords excludes.
func Word(name string, args ...any) string {
	text, err := fill(name, args, func(s string) string { return s })
	if err != nil {
		panic(err)
	}
	return text
}

func fill(name string, args []any, quote func(string) string) (string, error) {
	text, ok := words()[name]
	if !ok {
		return "", fmt.Errorf("words.txt has no line %q", name)
	}
	if one, more, ok := strings.Cut(text, " || "); ok && len(args) > 0 {
		text = more
		if fmt.Sprint(args[0]) == "1" {
			text = one
		}
	}
	var b strings.Builder
	for _, arg := range args {
		before, after, ok := strings.Cut(text, "%s")
		if !ok {
			break // "Cleared one" does not say its number
		}
		b.WriteString(before)
		switch v := arg.(type) {
		case template.HTML:
			b.WriteString(string(v))
		case int, int64:
			b.WriteString(grouped(v))
		default:
			b.WriteString(quote(fmt.Sprint(v)))
		}
		text = after
	}
	return b.String() + text, nil
}

// scriptWords are the texts whose names begin with "script.", for fromcache.js.
var scriptWords = sync.OnceValue(func() string {
	all := map[string]string{}
	for name, text := range words() {
		if short, ok := strings.CutPrefix(name, "script."); ok {
			all[short] = text
		}
	}
	b, err := json.Marshal(all)
	if err != nil {
		panic(err) // a map of strings
	}
	return string(b)
})
