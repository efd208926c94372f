package options

import (
	"sort"
	"strings"
	"testing"
)

// TestTables checks what Long and Prefix rely on, and that each letter is one living option's.
func TestTables(t *testing.T) {
	for name, table := range map[string][]Option{"curl": Curl, "wget": Wget} {
		if !sort.SliceIsSorted(table, func(i, j int) bool { return table[i].Name < table[j].Name }) {
			t.Errorf("%s is not sorted", name)
		}
		seen := map[byte]string{}
		for i, o := range table {
			if i > 0 && table[i-1].Name == o.Name || o.Name == "" || o.Class == 0 {
				t.Errorf("%s: bad row %+v", name, o)
			}
			if Long(table, o.Name) != &table[i] {
				t.Errorf("%s: %s is not found", name, o.Name)
			}
			if o.Short != 0 && o.Until == "" && seen[o.Short] != "" && o.Name != "html-extension" {
				t.Errorf("%s: -%c is %s and %s", name, o.Short, o.Name, seen[o.Short])
			}
			if o.Until == "" {
				seen[o.Short] = o.Name
			}
		}
	}
}

func TestLookups(t *testing.T) {
	if Long(Curl, "") != nil || Long(Curl, "outpu") != nil || Long(Curl, "zzz") != nil || Letter(Curl, 0) != nil || Letter(Wget, 'z') != nil {
		t.Error("found what is not there")
	}
	for letter, want := range map[byte]string{'N': "buffer", 'P': "ftp-port", 'X': "request", 't': "telnet-option", 'o': "output"} {
		if o := Letter(Curl, letter); o == nil || o.Name != want {
			t.Errorf("-%c: %+v, want %s", letter, o, want)
		}
	}
	var names []string
	for _, o := range Prefix(Curl, "output") {
		names = append(names, o.Name)
	}
	if got := strings.Join(names, " "); got != "output output-dir" {
		t.Errorf("output*: %s", got)
	}
	if n := len(Prefix(Wget, "")); n != len(Wget) {
		t.Errorf("the empty prefix fits %d", n)
	}
	for name, want := range map[string]string{"output-document": "outputdocument", "http-passwd": "httppassword", "help": "", "execute": ""} {
		if got := Long(Wget, name).RCName(); got != want {
			t.Errorf("%s in a wgetrc: %q, want %q", name, got, want)
		}
	}
	if Bare("No_Check-Certificate") != "nocheckcertificate" {
		t.Error(Bare("No_Check-Certificate"))
	}
}
