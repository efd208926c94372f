package main

import (
	"io"
	"unicode/utf8"
)

// lookAhead is how many rows a table keeps to see how wide its columns are.
const lookAhead = 10_000

// table prints rows in columns, as columns does, but keeps no more than lookAhead of them: a later
// cell that is wider than all of those moves the rest of its own row.
type table struct {
	w      io.Writer
	rows   [][]string
	widths []int // in characters; nil while rows are kept
	line   []byte
}

// add prints a row, or keeps it.
func (t *table) add(cells ...string) error {
	if t.widths != nil {
		return t.print(cells)
	}
	if t.rows = append(t.rows, cells); len(t.rows) < lookAhead {
		return nil
	}
	return t.flush()
}

// flush prints the rows that are kept.
func (t *table) flush() error {
	rows := t.rows
	t.rows = nil
	for _, cells := range rows {
		for i, cell := range cells {
			if i == len(t.widths) {
				t.widths = append(t.widths, 0)
			}
			t.widths[i] = max(t.widths[i], utf8.RuneCountInString(cell))
		}
	}
	for _, cells := range rows {
		if err := t.print(cells); err != nil {
			return err
		}
	}
	return nil
}

// print prints a row, with two blanks at least after each cell but the last.
func (t *table) print(cells []string) error {
	t.line = t.line[:0]
	for i, cell := range cells {
		t.line = append(t.line, cell...)
		if i == len(cells)-1 {
			break
		}
		for range max(t.widths[i]-utf8.RuneCountInString(cell), 0) + 2 {
			t.line = append(t.line, ' ')
		}
	}
	t.line = append(t.line, '\n')
	_, err := t.w.Write(t.line)
	return err
}
