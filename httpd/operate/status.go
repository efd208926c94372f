package operate

import (
	"context"
	"time"

	"fromcache/fsstore"
)

// Status says whether all is well.
type Status struct {
	Version  string    `json:"version" doc:"Of the server"`
	Well     bool      `json:"well" doc:"What is held can be read, and new artifacts can be written"`
	Troubles []Trouble `json:"troubles" nullable:"false" doc:"What is wrong now, what is grave first"`
	Problems []Problem `json:"problems" nullable:"false" doc:"What the scrub found and nobody has mended, newest first"`
	NotNoted int64     `json:"misses_not_recorded" doc:"Misses for which misses/ had no room"`
}

// Trouble is what is wrong with the data directory or the machine, and what to do.
type Trouble struct {
	What  string    `json:"what"`
	Since time.Time `json:"since"`
	Grave bool      `json:"grave" doc:"Let another server answer"`
}

// Problem is one finding of the scrub.
type Problem struct {
	Path string    `json:"path" doc:"In the data directory"`
	Text string    `json:"text"`
	Do   string    `json:"do"`
	Time time.Time `json:"time"`
}

// Status tells of the server's health.
func (l *Local) Status(context.Context) Status {
	s := Status{Well: true, Troubles: []Trouble{}, Problems: []Problem{}, NotNoted: l.Store.NotNoted()}
	for _, t := range l.Store.Health() {
		s.Well = s.Well && !t.Grave
		s.Troubles = append(s.Troubles, Trouble{t.What, t.Since.UTC(), t.Grave})
	}
	for _, p := range l.Store.Problems() {
		s.Problems = append(s.Problems, problemOf(p))
	}
	return s
}

func problemOf(p fsstore.Problem) Problem { return Problem{p.Path, p.Text, p.Do, p.Time.UTC()} }
