// Command gen writes the option tables of package options: it reads one JSON file of facts about curl's or wget's options
// and prints the Go source of its table.
//
//	go run ./shim/options/gen curl curl_options.json >shim/options/curl.go
//	go run ./shim/options/gen wget wget_options.json >shim/options/wget.go
//
// The JSON is an array of objects with name, short, arg (none, bool, value, optional-next), no_form, since, until, cls and,
// for wget, wgetrc.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/format"
	"os"
	"sort"
	"strings"
)

// fact is one object of the JSON.
type fact struct {
	Name   string
	Short  string
	Arg    string
	NoForm bool `json:"no_form"`
	Since  string
	Until  string
	Cls    string
	Wgetrc *string
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: gen curl|wget FILE.json")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func run(tool, file string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var facts []fact
	if err := json.Unmarshal(data, &facts); err != nil {
		return err
	}
	sort.Slice(facts, func(i, j int) bool { return facts[i].Name < facts[j].Name })
	var b bytes.Buffer
	name := strings.ToUpper(tool[:1]) + tool[1:]
	fmt.Fprintf(&b, "// Written by gen; a row may be edited by hand.\n\npackage options\n\n")
	fmt.Fprintf(&b, "// %s holds the options of %s(1), sorted by name.\nvar %s = []Option{\n", name, tool, name)
	for _, f := range facts {
		b.WriteString(row(f, tool == "wget"))
	}
	b.WriteString("}\n")
	out, err := format.Source(b.Bytes())
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(out)
	return err
}

// row returns one line of the table; the first release looked at is written as none.
func row(f fact, wget bool) string {
	short := "0"
	if f.Short != "" {
		short = fmt.Sprintf("%q", f.Short[0])
	}
	since := f.Since
	if strings.HasPrefix(since, "<=") {
		since = ""
	}
	rc := ""
	if wget {
		rc = rcName(f)
	}
	return fmt.Sprintf("{%q, %s, %s, %s, %q, %q, %q},\n", f.Name, short, kind(f), f.Cls, since, f.Until, rc)
}

func kind(f fact) string {
	switch f.Arg {
	case "value":
		return "Value"
	case "optional-next":
		return "Optional"
	case "bool":
		if f.NoForm {
			return "Bool"
		}
		return "BoolOnly"
	}
	return "None"
}

func rcName(f fact) string {
	if f.Wgetrc == nil || strings.Contains(*f.Wgetrc, "(") {
		return "-"
	}
	if *f.Wgetrc == strings.ReplaceAll(f.Name, "-", "") {
		return ""
	}
	return *f.Wgetrc
}
