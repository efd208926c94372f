package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

const (
	maxRoom    = 2000 // lines of a room of the store, without tests
	maxMethods = 55   // of a type
)

// TestRoomsStaySmall: a room is one idea, which one can read in a morning, and so is a type. What
// outgrows this holds a second one, which wants a package or a type of its own.
func TestRoomsStaySmall(t *testing.T) {
	lines, methods := map[string]int{}, map[string]int{}
	files := token.NewFileSet()
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(files, path, nil, 0)
		if err != nil {
			return err
		}
		room := filepath.ToSlash(filepath.Dir(path))
		lines[room] += files.File(file.FileStart).LineCount()
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv != nil {
				methods[room+"."+receiver(f.Recv.List[0].Type)]++
			}
		}
		return nil
	})
	if err != nil || len(lines) < len(rooms)/2 {
		t.Fatalf("%d packages, %v", len(lines), err)
	}
	for room, n := range lines {
		if strings.HasPrefix(room, "../../fsstore") && n > maxRoom {
			t.Errorf("%s has %d lines, more than %d", room, n, maxRoom)
		}
	}
	for name, n := range methods {
		if n > maxMethods {
			t.Errorf("%s has %d methods, more than %d", name, n, maxMethods)
		}
	}
}

// receiver is the name of a method's type.
func receiver(x ast.Expr) string {
	switch x := x.(type) {
	case *ast.StarExpr:
		return receiver(x.X)
	case *ast.IndexExpr: // of a generic type
		return receiver(x.X)
	case *ast.Ident:
		return x.Name
	}
	return ""
}
