// Package fsstore is the data directory as a Go API. Only it and the rooms below it touch the
// directory; everyone else holds a *Store and joins no path.
//
// # What is on the disk
//
// The directory a file is in is its state, and rename is the verb:
//
//	blobs/<sha256>             the bytes, mode 0444, never changed
//	meta/<key>.json            one artifact; it exists = it is held
//	misses/<key>               asked for, not approved
//	queue/<name>.job           approved, waiting; the last line says until when
//	active/<key>@<worker>.job  being fetched by that claim, which holds its flock
//	done/<key>.job             fetched, and whether it was evicted
//	failed/<key>.job           given up; the last line says why
//	cancelled/<key>.job        stopped by an operator: where each cancel ends. In cancelled/, done/
//	                           and failed/ earlier jobs of the key have a number, <key>.2.job
//	denied/<key>               never to be recorded or fetched; also <host> and *.<domain>. To take
//	                           a deny back, rm the file or call Allow
//	allowed/<host>             a standing approval; also *.<domain> and <key>
//	hits/<key>                 times served
//	queries/<host>             what an operator says of the query's parameters there
//	tokens/<name>              what a program that has the token may do, and until when
//	stats/<date>               what was counted that day: lines of name and number, and of shares
//	                           of it, as host/<host>/served-bytes; package counts names them
//	tmp/                       what our programs have half-written
//	session-secret             key of the sign-in cookies
//
// Package key names URLs, package job reads and writes the job files, package
// kind tells what bytes are by their beginning. A miss is a job that nobody has
// approved yet: one format, several directories.
//
// # Who may change what
//
// Anyone in the operators' group, with mv, rm, echo and rsync, at any time;
// any number of servers; and this package. Names give correctness: what must
// happen once is a rename to a name that only one process can make (a claim's
// has 16 random hex digits). flock answers one question, whether an owner is
// still alive: it follows a file through every rename and dies with its
// process. Only a verb, and whoever adds to the numbers in hits/ and stats/,
// waits for a lock, a second at most.
//
// A listing is the truth; an event of fsnotify is a hint that spares a wait. A hit or a miss is what
// the files are when it is asked for; internal/changes says where the kernel's word that nothing has
// changed stands for a look at them.
// Times of files mean nothing, for any append changes them; what counts is
// what the log in the file says. What a person wrote is taken when it ends
// with a newline, has stood still for 2 s, and no program has it open for writing
// (tree.HasWriter says where that can be told; spool/halfwritten.go waits for 10 minutes where a
// newline is missing); what comes into it later is looked at before the job leaves active/. A name that is no regular file, begins with a
// dot or ends with a tilde does not exist; a job that makes no sense goes to
// failed/ with the reason. Nothing that lies in the tree crashes the server.
//
// A blob is removed by gc alone (upkeep/gc.go), a day after it has found that no meta names it; fsck
// and scrub set a rotten one aside in tmp/, and a sync removes from a replica what the main directory
// no longer has. Who wants one gone evicts its artifact.
//
// A meta that vanishes without a verb may be a loss: if there are many at once gc takes nothing
// (Brake), and fsck --repair writes a meta anew from the job in done/. An evict writes its line
// into that job, fsynced, before it removes the meta, and removes nothing if it can't.
//
// A name is no identity: whether a file is about a URL is decided by the SHA-256 of the URL in it,
// not by the key in its name (spool.ArtifactID).
//
// # What survives a crash
//
// Each operation has one commit point, named in the comment above it. For an
// artifact it is the rename of meta/<key>.json, made durable by the fsync of
// meta/, after the blob and its directory were fsynced; see Claim.Publish. A put
// is no job until then: it writes to tmp/, commits, and leaves a whole job in done/. For
// an approval by verb or button it is the fsync of queue/. No step needs undoing.
//
// Two rules of recovery complete or throw away what was half done. An orphan, a job in
// active/ whose worker has died, goes to done/ if meta names its claim, else to
// queue/ (Store.Recover). What is in tmp/ and old goes (Store.GC): a half-written
// file after a day, a part that no job may resume (Claim.Part) after a week.
// After a power cut a part is resumed from the bytes that its job says are kept.
//
// misses/ and hits/ are not fsynced: a crash can cost their last seconds.
//
// # The rooms
//
// Store is the face: it wires the rooms, each of which owns some directories. They are listed from
// the ground up, and each imports only those before it. Callers import this package and key, job and
// kind, and no room. jobs.md says the same of jobs to users.
//
//	internal/tree   the directory as files: layout, names, open, lock, rename, fsync, mirror
//	internal/rows   what a row of each of a million files takes: an index, an order, a walk
//	hosts           which other hosts' servers live, and may their jobs be taken
//	health          is the directory well, and who is told once
//	counts          hits/ and stats/
//	tokens          tokens/: who may use the API
//	queries         queries/: which URLs are one
//	held            blobs/ and meta/: lookup, open, what was held before
//	catalog         a row of every artifact in memory: in order, by words, by digest, by name
//	spool           queue/ done/ failed/ cancelled/ denied/: read, list, log, move
//	ended           a row of every job in done/ in memory: newest first, by text, by name
//	misses          misses/: what clients asked for
//	verbs           approve, add, dismiss, deny, allow (a deny taken back), cancel, retry, evict
//	allowed         allowed/: approvals that stand, what they took, and what they would have
//	active          active/ and tmp/*.part: claim, part, publish, end, recover; and put
//	transfer        import and export: artifacts of another cache, and bundles
//	upkeep          gc, and the checker behind fsck and scrub
//	view            the directories in memory, for the pages
//	journal         what happened, from the logs of all jobs, and how things are
//
// Beside them, pure: key names URLs, job reads and writes job files, kind tells what bytes are.
// Package fetch downloads what a Claim says, package hooks runs an operator's programs, package rsync
// copies the directory while it is in use, and package fitness says what a file system is fit for.
//
// # To add a state
//
//	internal/tree  names.go: the State; layout.go: its directory; data-README: its line
//	names.go       beside this file: its name for callers
//	spool          list.go: what a listing says of it
//	verbs          a file for each verb that leads there or back; deny.go and dismiss.go take some
//	active         end.go: how a download ends there, and where its job is found; recover.go
//	upkeep         check.go: what fsck asks of it; gc.go: how long it keeps a job
//	view, journal  which directories they read; so do why.go and status.go here
//	../httpd       operate/local.go, metrics/store.go, show/jobs.go, live/hints.go and pages/bulk.go
//	               list states, and the enums in api/about.go and api/jobs.go
//	texts          jobs.md, README.md; ../cmd/fromcache/ls.go
//
// grep for Cancelled finds them, and what the torture judges.
package fsstore
