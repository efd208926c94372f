package allowed

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/spool"
)

// Add makes the file of a rule, with these lines. When it returns nil that survives a power cut. It
// replaces nothing: its error is ErrBusy where there is a rule of that name, and ErrInvalid for a
// name or a line that can't be taken.
func (r *Rules) Add(name string, lines []string, by spool.Operator) error {
	var b strings.Builder
	for _, line := range lines {
		if strings.ContainsAny(line, "\r\n\x00") {
			return fmt.Errorf("%w: a line of a rule is one line", spool.ErrInvalid)
		}
		b.WriteString(line + "\n")
	}
	fmt.Fprintf(&b, "# %s %s\n", tree.Now().UTC().Format(time.RFC3339),
		strings.TrimSpace(by.Via+" "+by.Addr))
	switch rule := Parse(name, b.String()); {
	case !tree.Plain(name) || strings.HasPrefix(name, "-"): //guard:TestVerbsStayInAllowed
		return fmt.Errorf("%w: %.80q is neither a key, nor a host, nor *.domain", spool.ErrInvalid, name)
	case rule.Flaw != "":
		return fmt.Errorf("%w: %s", spool.ErrInvalid, rule.Flaw)
	case b.Len() > maxRule:
		return fmt.Errorf("%w: a rule has at most %d bytes", spool.ErrInvalid, maxRule)
	}
	err := r.tree.WriteNew(b.String(), r.tree.Path(dir, name), true)
	if errors.Is(err, fs.ErrExist) {
		return existsError(name)
	}
	if err != nil {
		return err
	}
	r.tree.Log.Info("rule made", "name", name, "via", by.Via, "addr", by.Addr)
	return tree.SyncDir(r.tree.Path(dir, ""))
}

// existsError is the ErrBusy of a rule that is there already.
type existsError string

func (e existsError) Error() string {
	return "there is a rule " + via + string(e) + ": edit it, or remove it first"
}

func (existsError) Is(target error) bool { return target == spool.ErrBusy }

// Remove removes the file of a rule. When it returns nil that survives a power cut.
func (r *Rules) Remove(name string, by spool.Operator) error {
	if !tree.Plain(name) { //guard:TestVerbsStayInAllowed
		return spool.Absent(dir, name)
	}
	if err := os.Remove(r.tree.Path(dir, name)); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return spool.Absent(dir, name)
		}
		return err
	}
	r.tree.Log.Info("rule removed", "name", name, "via", by.Via, "addr", by.Addr)
	return tree.SyncDir(r.tree.Path(dir, ""))
}

// Keep reads the file of a rule before it is removed, for PutBack.
func (r *Rules) Keep(name string) (text string, err error) {
	if !tree.Plain(name) { //guard:TestVerbsStayInAllowed
		return "", spool.Absent(dir, name)
	}
	b, err := tree.ReadFile(r.tree.Path(dir, name), maxRule+1)
	return string(b), err
}

// PutBack makes the file of a rule again as it was. When it returns nil that survives a power cut. It
// replaces nothing: its error is ErrBusy where there is a rule of that name by now.
func (r *Rules) PutBack(name, text string, by spool.Operator) error {
	if !tree.Plain(name) { //guard:TestVerbsStayInAllowed
		return spool.Absent(dir, name)
	}
	err := r.tree.WriteNew(text, r.tree.Path(dir, name), true)
	if errors.Is(err, fs.ErrExist) {
		return existsError(name)
	}
	if err != nil {
		return err
	}
	r.tree.Log.Info("rule put back", "name", name, "via", by.Via, "addr", by.Addr)
	return tree.SyncDir(r.tree.Path(dir, ""))
}
