package main

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// mark is a comment, or the end of one, `//guard:TestName` behind a line: the test fails when
// what the line guards is taken away. A test of another package has the directory
// of that before its name: `//guard:httpd.TestName`.
type mark struct {
	path string // of the file, below the module
	line int
	pkg  string // of the test: a directory below the module
	test string // its name, with that of a subtest after a slash

	end  token.Pos // where the comment begins
	src  []byte
	fset *token.FileSet
	file *ast.File
}

func (m *mark) String() string { return fmt.Sprintf("%s:%d %s", m.path, m.line, m.test) }

const prefix = "//guard:"

// findMarks reads all Go files below root but tests.
func findMarks(root string) (marks []*mark, err error) {
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := d.Name(); d.IsDir() && path != root && (name[0] == '.' || name == "testdata" || name == "node_modules") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		in, err := marksIn(root, path)
		marks = append(marks, in...)
		return err
	})
	return marks, err
}

func marksIn(root, path string) (marks []*mark, err error) {
	src, err := os.ReadFile(path)
	if err != nil || !strings.Contains(string(src), prefix) {
		return nil, err
	}
	rel, err := filepath.Rel(root, path)
	if err != nil {
		return nil, err
	}
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, path, src, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	for _, group := range file.Comments {
		for _, c := range group.List {
			_, name, ok := strings.Cut(c.Text, prefix)
			if !ok || strings.ContainsAny(name, " `\n") {
				continue
			}
			m := &mark{path: rel, line: fset.Position(c.Pos()).Line, pkg: filepath.Dir(rel), test: name,
				end: c.Pos(), src: src, fset: fset, file: file}
			if i := strings.LastIndexByte(name, '.'); i >= 0 {
				m.pkg, m.test = name[:i], name[i+1:]
			}
			marks = append(marks, m)
		}
	}
	return marks, nil
}

// edit puts text in the place of the source from one position to another.
type edit struct {
	from, to token.Pos
	text     string
}

// without returns the source of the mark's file with what is marked taken away, and
// each line where it was. What is taken away is still compiled, so that no variable
// and no import is unused. It is, in this order:
//
//   - an operand of && or ||, an argument or an element that ends on the line, where
//     the statement that begins there goes on below it (an if: its condition)
//   - the statement that begins on the line, an if with all its branches; a return
//     gives zero values then
//   - the case that begins on the line, of a switch without a tag
func (m *mark) without() ([]byte, error) {
	stmt, results := m.statement()
	if stmt == nil || m.lineOf(headerEnd(stmt)) > m.line {
		if e, ok := m.element(); ok {
			return m.apply(e...), nil
		}
	}
	if stmt == nil {
		return nil, errors.New("nothing on the line can be taken away")
	}
	edits, err := m.drop(stmt, results)
	return m.apply(edits...), err
}

func (m *mark) lineOf(p token.Pos) int { return m.fset.Position(p).Line }

// statement is the outermost that begins on the line, and the results of its function.
func (m *mark) statement() (found ast.Stmt, results *ast.FieldList) {
	var functions []ast.Node // that the walk is in
	ast.PreorderStack(m.file, nil, func(n ast.Node, stack []ast.Node) bool {
		stmt, ok := n.(ast.Stmt)
		if _, block := n.(*ast.BlockStmt); found != nil || !ok || block || m.lineOf(n.Pos()) != m.line || n.Pos() > m.end {
			return found == nil
		}
		if c, ok := n.(*ast.CaseClause); ok && len(c.Body) > 0 && m.lineOf(c.Body[0].Pos()) == m.line {
			return true
		}
		found, functions = stmt, stack
		return false
	})
	for _, n := range functions { // the innermost is last
		switch n := n.(type) {
		case *ast.FuncDecl:
			results = n.Type.Results
		case *ast.FuncLit:
			results = n.Type.Results
		}
	}
	return found, results
}

// headerEnd is where a statement's own line ends.
func headerEnd(s ast.Stmt) token.Pos {
	switch s := s.(type) {
	case *ast.IfStmt:
		return s.Body.Lbrace
	case *ast.ForStmt:
		return s.Body.Lbrace
	case *ast.RangeStmt:
		return s.Body.Lbrace
	case *ast.SwitchStmt:
		return s.Body.Lbrace
	case *ast.CaseClause:
		return s.Colon
	}
	return s.End()
}

// element is what ends last on the line.
func (m *mark) element() (edits []edit, ok bool) {
	var last ast.Node
	consider := func(n ast.Node, e ...edit) {
		if m.lineOf(n.End()) == m.line && n.End() <= m.end && (last == nil || n.End() >= last.End()) {
			last, edits = n, e
		}
	}
	ast.Inspect(m.file, func(n ast.Node) bool {
		var list []ast.Expr
		switch n := n.(type) {
		case *ast.BinaryExpr:
			for _, x := range []ast.Expr{n.X, n.Y} {
				neutral := map[token.Token]string{token.LAND: "(true || (", token.LOR: "(false && ("}[n.Op]
				if neutral != "" {
					consider(x, edit{x.Pos(), x.Pos(), neutral}, edit{x.End(), x.End(), "))"})
				}
			}
		case *ast.CallExpr:
			list = n.Args
		case *ast.CompositeLit:
			list = n.Elts
		}
		for _, x := range list {
			consider(x, edit{x.Pos(), m.afterComma(x.End()), ""})
		}
		return true
	})
	return edits, last != nil
}

// afterComma is past the comma at p, if there is one.
func (m *mark) afterComma(p token.Pos) token.Pos {
	if at := m.fset.Position(p).Offset; m.src[at] == ',' {
		p++
	}
	return p
}

// drop makes a statement one that is never run.
func (m *mark) drop(s ast.Stmt, results *ast.FieldList) ([]edit, error) {
	before, after := "if false { ", " }"
	switch s := s.(type) {
	case *ast.ReturnStmt:
		after += "; return " + m.zeros(results)
	case *ast.AssignStmt:
		if s.Tok != token.DEFINE {
			break
		}
		if name, ok := s.Lhs[0].(*ast.Ident); !ok || len(s.Lhs) > 1 || name.Name != "err" {
			return nil, errors.New("what it defines would have no value")
		}
		return []edit{{s.Pos(), s.TokPos + 2, "var err error; if false { err ="}, {s.End(), s.End(), " }"}}, nil
	case *ast.CaseClause:
		if s.List == nil {
			return nil, errors.New("a default case can't be taken away")
		}
		var edits []edit
		for _, x := range s.List {
			edits = append(edits, edit{x.Pos(), x.Pos(), "false && ("}, edit{x.End(), x.End(), ")"})
		}
		return edits, nil
	case *ast.DeclStmt, *ast.LabeledStmt, *ast.CommClause:
		return nil, fmt.Errorf("a %T can't be taken away", s)
	}
	return []edit{{s.Pos(), s.Pos(), before}, {s.End(), s.End(), after}}, nil
}

// zeros is the zero value of each result.
func (m *mark) zeros(results *ast.FieldList) string {
	if results == nil {
		return ""
	}
	var all []string
	for _, field := range results.List {
		zero := "*new(" + m.text(field.Type.Pos(), field.Type.End()) + ")"
		for range max(1, len(field.Names)) {
			all = append(all, zero)
		}
	}
	return strings.Join(all, ", ")
}

func (m *mark) text(from, to token.Pos) string {
	return string(m.src[m.fset.Position(from).Offset:m.fset.Position(to).Offset])
}

// apply makes edits, which are in the order of the source.
func (m *mark) apply(edits ...edit) []byte {
	var b strings.Builder
	at := m.file.FileStart
	for _, e := range edits {
		b.WriteString(m.text(at, e.from) + e.text)
		at = e.to
	}
	b.WriteString(m.text(at, m.file.FileEnd))
	return []byte(b.String())
}
