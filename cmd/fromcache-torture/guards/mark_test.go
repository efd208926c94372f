package main

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const root = "../../.."

// TestMarks: each mark names a test that is there, and what is marked can be taken
// away so that its package still compiles.
func TestMarks(t *testing.T) {
	marks, err := findMarks(root)
	if err != nil {
		t.Fatal(err)
	}
	packages, exports := list(t)
	imports := importer.ForCompiler(token.NewFileSet(), "gc", func(path string) (io.ReadCloser, error) {
		return os.Open(exports[path])
	})
	for _, m := range marks {
		if !hasTest(t, m) {
			t.Errorf("%v: %s has no such test", m, m.pkg)
		}
		src, err := m.without()
		if err == nil {
			err = packages[filepath.Dir(m.path)].compile(imports, filepath.Base(m.path), src)
		}
		if err != nil {
			t.Errorf("%v: %v", m, err)
		}
	}
	t.Logf("%d marks", len(marks))
}

func hasTest(t *testing.T, m *mark) bool {
	name, _, _ := strings.Cut(m.test, "/")
	files, _ := filepath.Glob(filepath.Join(root, m.pkg, "*_test.go"))
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Error(err)
		}
		if regexp.MustCompile(`(?m)^func ` + name + `\(`).Match(b) {
			return true
		}
	}
	return false
}

// goPackage is what go list says of a package.
type goPackage struct {
	ImportPath, Dir, Export string
	GoFiles                 []string
	DepOnly                 bool

	fset  *token.FileSet
	files map[string]*ast.File // without the bodies of functions
}

// list has go build what is imported, for the compiler's types of it.
func list(t *testing.T) (byDir map[string]*goPackage, exports map[string]string) {
	t.Helper()
	cmd := exec.Command("go", "list", "-export", "-deps", "-json=ImportPath,Dir,Export,GoFiles,DepOnly", "./...")
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	abs, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	byDir, exports = map[string]*goPackage{}, map[string]string{}
	for all := json.NewDecoder(strings.NewReader(string(out))); all.More(); {
		p := new(goPackage)
		if err := all.Decode(p); err != nil {
			t.Fatal(err)
		}
		exports[p.ImportPath] = p.Export
		if dir, err := filepath.Rel(abs, p.Dir); err == nil && !p.DepOnly {
			byDir[dir] = p
		}
	}
	return byDir, exports
}

// compile checks one file of the package, with another text.
func (p *goPackage) compile(imports types.Importer, name string, src []byte) error {
	if p.files == nil {
		p.parse()
	}
	file, err := parser.ParseFile(p.fset, "marked.go", src, parser.SkipObjectResolution)
	if err != nil {
		return fmt.Errorf("%w in\n%s", err, src)
	}
	files := []*ast.File{file}
	for other, f := range p.files {
		if other != name {
			files = append(files, f)
		}
	}
	var first error
	check := types.Config{Importer: imports, Error: func(err error) { // without bodies the others have unused imports
		if e := err.(types.Error); first == nil && p.fset.Position(e.Pos).Filename == "marked.go" {
			first = err
		}
	}}
	check.Check(p.ImportPath, p.fset, files, nil)
	return first
}

func (p *goPackage) parse() {
	p.fset, p.files = token.NewFileSet(), map[string]*ast.File{}
	for _, name := range p.GoFiles {
		f, err := parser.ParseFile(p.fset, filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			continue // the build says so
		}
		for _, d := range f.Decls {
			if d, ok := d.(*ast.FuncDecl); ok {
				d.Body = nil
			}
		}
		p.files[name] = f
	}
}

// TestWithout takes things of each kind away.
func TestWithout(t *testing.T) {
	for line, want := range map[string]string{
		"f() //guard:TestX":                                 "if false { f() } //guard:TestX",
		"if err := f(); err != nil { //guard:TestX\n}":      "if false { if err := f(); err != nil { //guard:TestX\n} }",
		"return 1, f() //guard:TestX":                       "if false { return 1, f() }; return *new(int), *new(error) //guard:TestX",
		"err := f() //guard:TestX":                          "var err error; if false { err = f() } //guard:TestX",
		"if a &&\n\tb(c) { //guard:TestX\n}":                "if a &&\n\t(true || (b(c))) { //guard:TestX\n}",
		"if a || b || //guard:TestX\n\tc {\n}":              "if a || (false && (b)) || //guard:TestX\n\tc {\n}",
		"return 1, g(a,\n\tb(), //guard:TestX\n\tc)":        "return 1, g(a,\n\t //guard:TestX\n\tc)",
		"x = T{\n\tA: 1, //guard:TestX\n\tB: 2,\n}":         "x = T{\n\t //guard:TestX\n\tB: 2,\n}",
		"switch {\ncase a, b: //guard:TestX\n\tf()\n}":      "switch {\ncase false && (a), false && (b): //guard:TestX\n\tf()\n}",
		"switch {\ncase a == b: //guard:TestX\n\tf()\n}":    "switch {\ncase false && (a == b): //guard:TestX\n\tf()\n}",
		"if a {\n} else if b { //guard:TestX\n\tf()\n}":     "if a {\n} else if false { if b { //guard:TestX\n\tf()\n} }",
		"for range 3 { //guard:TestX\n\tf()\n}":             "if false { for range 3 { //guard:TestX\n\tf()\n} }",
		"defer func() error { return nil }() //guard:T":     "if false { defer func() error { return nil }() } //guard:T",
		"x := f() //guard:TestX":                            "",
		"switch a {\ndefault: //guard:TestX\n\tf()\n}":      "",
		"func() string { return f() }() //guard:TestX":      "if false { func() string { return f() }() } //guard:TestX",
		"go func() bool {\n\treturn f() //guard:TestX\n}()": "go func() bool {\n\tif false { return f() }; return *new(bool) //guard:TestX\n}()",
	} {
		file := filepath.Join(t.TempDir(), "x.go")
		head, tail := "package x\n\nfunc f() (n int, err error) {\n", "\n}\n"
		if err := os.WriteFile(file, []byte(head+line+tail), 0o600); err != nil {
			t.Fatal(err)
		}
		marks, err := marksIn(filepath.Dir(file), file)
		if err != nil || len(marks) != 1 {
			t.Errorf("%s: %v, %v", line, marks, err)
			continue
		}
		got, err := marks[0].without()
		if (want == "") != (err != nil) || want != "" && string(got) != head+want+tail {
			t.Errorf("%s:\n%s%v", line, got, err)
		}
	}
}

func TestAWordThatNamesNoGuardIsAMistake(t *testing.T) {
	if status := run(t.Context(), root, []string{"no such guard"}, 1); status != 2 {
		t.Errorf("exit status %d", status)
	}
}
