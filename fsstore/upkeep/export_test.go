package upkeep

// What the tests in this folder reach of the inside.

import (
	"context"
	"os"
	"slices"
	"strings"
	"time"

	"fromcache/fsstore/health"
	"fromcache/fsstore/held"
)

const (
	AgainAfter   = retryAfter
	CantScrub    = scrubTrouble
	GoneFor      = goneFor
	MaxProblems  = maxProblems
	OldPart      = oldPart
	OldTemp      = oldTemp
	RottenSuffix = rottenSuffix
)

func (s *Keeper) DropSecond(d string, age time.Duration) { s.removeDuplicate(d, age) }

func (s *Keeper) PartWanted(name string) bool { return s.partWanted(name) }

func (s *Keeper) PutAside(d string, judged func(path string) bool) (kept string, err error) {
	return s.putAside(d, judged)
}

func (s *Keeper) Report(path string, found []health.Problem) { s.updateProblems(path, found) }

// WantMalformed reports what gc wants for a meta that is malformed.
func (s *Keeper) WantMalformed(wanted Digests, name string, text []byte) error {
	return s.addWantedOfMalformed(wanted, name, text)
}

type Digests = digests

func (d digests) Has(digest string) bool { return d.has(digest) }

type Checker = checker

var NewChecker = newChecker

// NewScrub is a round of a scrub that reads so many bytes a second.
func NewScrub(ctx context.Context, s *Keeper, rate int64) *Checker {
	c := newChecker(ctx, s, FsckOptions{})
	c.pace = &pace{s: s, rate: rate}
	return c
}

func (c *checker) Round() error { return c.round() }

func (c *checker) Report() FsckReport { return c.r }

func (c *checker) Want() { c.wanted() }

func (c *checker) RuleOf(name string) (time.Duration, string) { return c.ruleOf(name) }

// IsRotten judges a blob that was read as f.
func (c *checker) IsRotten(d string, f *os.File) { c.handleRotten(&file{name: d}, f, "rotten") }

// LostMeta looks for a meta whose blob no other names, and returns what was found so far.
func (c *checker) LostMeta(k string) []health.Problem {
	c.checkLostMeta(k, digests{})
	return c.r.Problems
}

// WriteAnew writes a meta where there is none.
func (c *checker) WriteAnew(k string, h *held.Record) error { return c.writeAnew(k, h, nil, false) }

const ManyUnnamed = brakeTrouble

// InOrder checks each file of each directory one after the other, by name.
func InOrder(c *Checker) FsckReport {
	for _, check := range checks {
		if c.walkInOrder(check.dir, check.of) != nil {
			return c.r
		}
		if check.dir == "blobs" && c.findLostMetas() != nil {
			return c.r
		}
	}
	c.addHardLinks()
	slices.SortStableFunc(c.r.Problems, func(a, b health.Problem) int { return strings.Compare(a.Path, b.Path) })
	return c.r
}
