//go:build !linux

package changes

import (
	"context"
	"errors"
	"time"
)

// queue never has a Moment: kqueue(2) tells of no change within a directory's files.
type queue struct{}

var errNone = errors.New("no watch")

func (queue) open() error                          { return errNone }
func (queue) close()                               {}
func (queue) watch([]string) error                 { return errNone }
func (queue) isEmpty() bool                        { return false }
func (queue) empty() bool                          { return false }
func (queue) await(context.Context, time.Duration) {}
func (queue) wake()                                {}
