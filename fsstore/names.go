package fsstore

import (
	"fromcache/fsstore/active"
	"fromcache/fsstore/allowed"
	"fromcache/fsstore/catalog"
	"fromcache/fsstore/counts"
	"fromcache/fsstore/health"
	"fromcache/fsstore/held"
	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/journal"
	"fromcache/fsstore/kind"
	"fromcache/fsstore/misses"
	"fromcache/fsstore/spool"
	"fromcache/fsstore/tokens"
	"fromcache/fsstore/transfer"
	"fromcache/fsstore/upkeep"
	"fromcache/fsstore/verbs"
	"fromcache/fsstore/view"
)

// The names of the rooms that callers need, so that they import fsstore alone.

type (
	Addition       = verbs.Addition
	Approval       = held.Approval
	AllowedLimits  = allowed.Limits
	AllowedRule    = allowed.Rule
	AllowedTrial   = allowed.Trial
	AllowedUse     = allowed.Use
	AllowedWish    = allowed.Suggestion
	Artifact       = held.Artifact
	ArtifactRow    = view.ArtifactRow
	Bytes          = catalog.Bytes
	Asker          = misses.Asker
	Blob           = held.Blob
	Change         = view.Change
	Claim          = active.Claim
	Day            = counts.Day
	FsckOptions    = upkeep.FsckOptions
	FsckReport     = upkeep.FsckReport
	GCOptions      = upkeep.GCOptions
	ForeignError   = tree.ForeignError
	Handle         = held.Handle
	Incoming       = transfer.Incoming
	JobFile        = spool.JobFile
	JournalEntry   = journal.Entry
	JournalFilter  = journal.Filter
	Kept           = verbs.Kept
	Meta           = held.Meta
	Miss           = transfer.Miss
	NotWhole       = kind.NotWhole
	Operator       = spool.Operator
	Origin         = held.Origin
	Outcome        = transfer.Outcome
	OvertakenError = spool.OvertakenError
	Part           = active.Part
	Problem        = health.Problem
	RefusalError   = allowed.RefusalError
	Replica        = tree.Replica
	ReplicaError   = tree.ReplicaError
	ScrubOptions   = upkeep.ScrubOptions
	ScrubState     = upkeep.ScrubState
	Shown          = verbs.Shown
	Role           = tokens.Role
	Source         = transfer.Source
	StatsBy        = counts.By
	Started        = active.Started
	State          = tree.State
	Status         = journal.Status
	StatusJob      = journal.StatusJob
	Token          = tokens.Token
	Trouble        = health.Trouble
	UnseenError    = verbs.UnseenError
	Verdict        = misses.Verdict
	Version        = held.Version
	View           = view.View
	WrongDigest    = kind.WrongDigest
)

const (
	Taken            = transfer.Taken
	SameHeld         = transfer.Same
	NewerHeld        = transfer.Newer
	Active           = tree.Active
	Cancelled        = tree.Cancelled
	DefaultScrubRate = upkeep.DefaultScrubRate
	MaxWants         = transfer.MaxWants
	ReplicaMark      = tree.MarkName
	Denied           = tree.Denied
	Done             = tree.Done
	Failed           = tree.Failed
	ViaPut           = held.ViaPut
	VerdictActive    = misses.VerdictActive
	VerdictCopy      = misses.VerdictCopy
	VerdictDenied    = misses.VerdictDenied
	VerdictFull      = misses.VerdictFull
	VerdictIll       = misses.VerdictIll
	VerdictQueued    = misses.VerdictQueued
	Misses           = tree.Misses
	VerdictNoted     = misses.VerdictNoted
	VerdictAbsent    = misses.VerdictAbsent
	Queue            = tree.Queue
	RoleOperate      = tokens.Operate
	RoleRead         = tokens.Read
	SortedKeys       = held.SortedKeys
	StatFetchedBytes = counts.StatFetchedBytes
	StatHits         = counts.StatHits
	StatMisses       = counts.StatMisses
	StatScrubbed     = counts.StatScrubbed
	StatServedBytes  = counts.StatServedBytes
	StatTimedBytes   = counts.StatTimedBytes
	StatTimedMillis  = counts.StatTimedMillis
	StatsByArtifact  = counts.ByArtifact
	StatsByHost      = counts.ByHost
	StatsByNetwork   = counts.ByNetwork
	StatsOfOthers    = counts.Others
)

var (
	AdditionOf = verbs.AdditionOf
	ErrAdded   = active.ErrAdded
	ErrBusy    = spool.ErrBusy
	ErrDenied  = spool.ErrDenied
	ErrFull    = misses.ErrFull
	ErrInvalid = spool.ErrInvalid
	ErrLost    = active.ErrLost
	ErrNoSpace = health.ErrNoSpace
	ErrNoToken = tokens.ErrNoToken
	OpenSource = transfer.OpenSource
	ReadList   = transfer.ReadList
	IsDigest   = held.IsDigest
	SplitShare = counts.SplitShare
	ParseRule  = allowed.Parse
	ParseSize  = allowed.ParseSize
	ParseShown = verbs.ParseShown
	ShellWord  = verbs.ShellWord
)
