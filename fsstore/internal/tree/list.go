package tree

import (
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// Names lists the plain names of a directory, in no order. See Plain. A directory that a replica
// lacks is empty.
func (t *Tree) Names(dir string) ([]string, error) {
	var all []string
	err := t.EachNames(dir, func(names []string) error {
		all = append(all, names...)
		return nil
	})
	return all, err
}

// namesAtOnce is how many names EachNames reads at once, because a directory may have a million.
const namesAtOnce = 1024

// EachNames calls do with the plain names of a directory, up to 1,024 at a time, in no order. do
// must not keep the slice.
func (t *Tree) EachNames(dir string, do func(names []string) error) error {
	return t.EachAllNames(dir, func(names []string) error {
		return do(slices.DeleteFunc(names, func(name string) bool { return !Plain(name) }))
	})
}

// EachAllNames is EachNames with every name, also those that are not Plain.
func (t *Tree) EachAllNames(dir string, do func(names []string) error) error {
	d, err := os.Open(filepath.Join(t.Root, dir))
	if t.isAbsent(dir, err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer d.Close()
	for {
		names, err := d.Readdirnames(namesAtOnce)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := do(names); err != nil {
			return err
		}
	}
}

// Listing tells whether names came to a directory, or left it.
type Listing struct {
	Identity
	settled bool // no later change has the same times
}

// ListingOf returns the Listing of a directory as it is now.
func (t *Tree) ListingOf(dir string) (l Listing) {
	var st unix.Stat_t
	if unix.Stat(t.Path(dir, ""), &st) == nil {
		l = Listing{Identify(&st), IsSettled(&st)}
	}
	return l
}

// Same reports whether the directory has the same names in now, a later Listing. It may be false
// although it has.
func (l Listing) Same(now Listing) bool { return l.settled && l.Identity == now.Identity }

// TmpNames lists tmp/, where our own temporary files begin with a dot.
func (t *Tree) TmpNames() ([]string, error) { return t.AllNames("tmp") }

// AllNames lists every name of a directory, also those that are not Plain.
func (t *Tree) AllNames(dir string) ([]string, error) {
	var all []string
	err := t.EachAllNames(dir, func(names []string) error {
		all = append(all, names...)
		return nil
	})
	return all, err
}

// LoadAll calls load for each name, for atOnce of them at the same time, and returns the results in
// the order of names.
func LoadAll[T any](atOnce int, names []string, load func(name string) T) []T {
	none := make([]struct{}, atOnce)
	return LoadWith(none, names, func(_ struct{}, name string) T { return load(name) })
}

// LoadWith is LoadAll where each that loads has something of its own, such as a buffer. With one of
// them it starts no goroutine.
func LoadWith[W, T any](each []W, names []string, load func(own W, name string) T) []T {
	loaded := make([]T, len(names))
	var next atomic.Int64
	loadRest := func(own W) {
		for i := next.Add(1) - 1; i < int64(len(names)); i = next.Add(1) - 1 {
			loaded[i] = load(own, names[i])
		}
	}
	var all sync.WaitGroup
	for i := 1; i < min(len(each), len(names)); i++ {
		all.Go(func() { loadRest(each[i]) })
	}
	loadRest(each[0])
	all.Wait()
	return loaded
}

// AtOnce returns how many files a walk should load at the same time: as many as there are
// processors, or sharedAtOnce where the files come through a network, because all the time goes into
// waiting for answers there.
func (t *Tree) AtOnce() int {
	if t.isShared() {
		return sharedAtOnce
	}
	return runtime.GOMAXPROCS(0)
}

// AtOnceBeside is AtOnce for a server, whose clients need the processors.
func (t *Tree) AtOnceBeside() int {
	if t.isShared() {
		return sharedAtOnce
	}
	return 1
}

const sharedAtOnce = 32
