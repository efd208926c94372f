package main

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"fromcache/fsstore"
	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
)

// database is a cache.db of the original. Its tables are
//
//	blobs(key, url, size, sha256, content_type, fetched_at, hits, misses)
//	misses(key, url, count, first_seen, last_seen)
//
// and the bytes of a row are blobs/<key>. A key is the SHA-256 of the URL, scheme and host in lower
// case; without its query, unless the original was told to keep it. Nothing in it is trusted.
type database struct{ *sql.DB }

// openDatabase opens a cache.db for reading.
func openDatabase(ctx context.Context, path string) (*database, error) {
	if info, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("%w: OLD is to be a data directory of the original fromcache", err)
	} else if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no file", path)
	}
	name := url.URL{Scheme: "file", Path: path, RawQuery: "mode=ro&_pragma=trusted_schema(0)&_pragma=query_only(1)" +
		"&_pragma=busy_timeout(10000)"}
	db, err := sql.Open("sqlite", name.String())
	if err != nil {
		return nil, err
	}
	d := &database{db}
	for _, table := range []string{"blobs", "misses"} {
		if err := d.checkTable(ctx, table); err != nil {
			db.Close()
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	return d, nil
}

// checkTable refuses what is no table, because a view may run for ever.
func (d *database) checkTable(ctx context.Context, table string) error {
	var kind string
	err := d.QueryRowContext(ctx, "SELECT type FROM sqlite_master WHERE name = ?", table).Scan(&kind)
	if errors.Is(err, sql.ErrNoRows) || err == nil && kind != "table" {
		err = fmt.Errorf("it has no table %s: it is not of the original fromcache", table)
	}
	return err
}

// blob is a row of blobs.
type blob struct {
	key, url, sha256, kind string
	fetched                time.Time
	hits, misses           int64
}

// maxField is how many bytes a field of a row may have: twice what a URL may, for none has more in
// an honest database, and SQLite allows 1 GB.
const maxField = 2 * key.MaxURL

// fits is the condition that every column has less than maxField bytes. It reads the lengths alone.
func fits(columns string) string {
	var all []string
	for c := range strings.SplitSeq(columns, ", ") {
		all = append(all, fmt.Sprintf("coalesce(octet_length(%s), 0) < %d", c, maxField))
	}
	return "(" + strings.Join(all, " AND ") + ")"
}

// tooLong counts the rows of a table that do not fit.
func (d *database) tooLong(ctx context.Context, table, columns string) (n int, err error) {
	err = d.QueryRowContext(ctx, "SELECT count(*) FROM "+table+" WHERE NOT "+fits(columns)).Scan(&n)
	return n, err
}

// blobs yields the rows of blobs that fit, oldest first. With an error a row has what could be read
// of it.
func (d *database) blobs(ctx context.Context) iter.Seq2[blob, error] {
	return func(yield func(blob, error) bool) {
		columns := d.blobColumns(ctx)
		d.each(ctx, "SELECT "+columns+" FROM blobs WHERE "+fits(columns)+" ORDER BY fetched_at, key",
			func(c []string, err error) bool {
				b := blob{key: c[0], url: c[1], sha256: strings.ToLower(c[2]), kind: c[3], hits: count(c[5]), misses: count(c[6])}
				if err == nil {
					err = checkKey(b.key, b.url)
				}
				if err == nil && !fsstore.IsDigest(b.sha256) {
					err = errors.New("its sha256 is no SHA-256")
				}
				if err == nil {
					b.fetched, err = moment(c[4])
				}
				return yield(b, err)
			})
	}
}

// blobColumns are the columns of blobs that count. The first releases had no counters; NULL stands
// for them.
func (d *database) blobColumns(ctx context.Context) string {
	if d.hasCounters(ctx) {
		return blobColumns + ", hits, misses"
	}
	return blobColumns + ", NULL, NULL"
}

const (
	blobColumns = "key, url, sha256, content_type, fetched_at"
	missColumns = "key, url, count, first_seen, last_seen"
)

func (d *database) hasCounters(ctx context.Context) bool {
	var n int
	err := d.QueryRowContext(ctx, "SELECT count(*) FROM pragma_table_info('blobs') WHERE name IN ('hits', 'misses')").Scan(&n)
	return err == nil && n == 2
}

// miss is a row of misses.
type miss struct {
	key, url    string
	count       int64
	first, last time.Time
}

// misses yields the rows of misses that fit, oldest first.
func (d *database) misses(ctx context.Context) iter.Seq2[miss, error] {
	return func(yield func(miss, error) bool) {
		d.each(ctx, "SELECT "+missColumns+", NULL, NULL FROM misses WHERE "+fits(missColumns)+" ORDER BY first_seen, key",
			func(c []string, err error) bool {
				m := miss{key: c[0], url: c[1], count: count(c[2])}
				if err == nil {
					err = checkKey(m.key, m.url)
				}
				if err == nil {
					m.first, err = moment(c[3])
				}
				if err == nil {
					m.last, err = moment(c[4])
				}
				return yield(m, err)
			})
	}
}

// columns is how many columns each query has.
const columns = 7

// each calls do with the columns of each row as text, "" for NULL, and last with an error of the
// database where there was one.
func (d *database) each(ctx context.Context, query string, do func(c []string, err error) bool) {
	rows, err := d.QueryContext(ctx, query)
	if err != nil {
		do(make([]string, columns), err)
		return
	}
	defer rows.Close()
	for rows.Next() {
		text, to := make([]sql.NullString, columns), make([]any, columns)
		for i := range text {
			to[i] = &text[i]
		}
		err := rows.Scan(to...)
		c := make([]string, columns)
		for i := range text {
			c[i] = text[i].String
		}
		if !do(c, err) {
			return
		}
	}
	if err := rows.Err(); err != nil {
		do(make([]string, columns), err)
	}
}

// checkKey returns why a key is not that of a URL in the original.
func checkKey(k, rawURL string) error {
	u, err := url.Parse(rawURL)
	if err != nil {
		return errors.New("its URL can't be read")
	}
	scheme, rest, _ := strings.Cut(rawURL, "://")
	rest, _, _ = strings.Cut(rest, "#")
	rest, query, _ := strings.Cut(rest, "?")
	host, path := rest, ""
	if i := strings.IndexByte(rest, '/'); i >= 0 {
		host, path = rest[:i], rest[i:]
	}
	bare := strings.ToLower(scheme) + "://" + strings.ToLower(host) + path
	if u.User != nil {
		return errors.New("its URL holds a user name or password")
	}
	if k != sumOf(bare) && k != sumOf(bare+"?"+query) {
		return errors.New("its key is not that of its URL")
	}
	return nil
}

func sumOf(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// count reads a number; what is none, or negative, is 0.
func count(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0
	}
	return max(n, 0)
}

// moment reads a time as the original writes it.
func moment(s string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return t, fmt.Errorf("%.40q is no time", s)
	}
	return t, nil
}

// where names a row in messages. A URL that can't be redacted is not shown.
func (b blob) where() string { return "blobs: " + short(key.Redact(b.url)) }

func (m miss) where() string { return "misses: " + short(key.Redact(m.url)) }

// short is a text cut to 200 bytes, for a line on a screen.
func short(s string) string {
	if len(s) > 200 {
		return s[:200] + "..."
	}
	return s
}

// maxCount is the most hits or misses that are taken over.
const maxCount = 1<<31 - 1

// incoming is the row as import takes it. Its kind is judged by the URL's name, because the original
// kept whatever an origin answered.
func (b blob) incoming(root *os.Root, from string) *fsstore.Incoming {
	in := &fsstore.Incoming{
		URL: b.url, Key: b.key, Hits: min(b.hits, maxCount), From: from, Judge: true,
		Open: func() (*os.File, error) {
			return root.OpenFile("blobs/"+b.key, os.O_RDONLY|unix.O_NONBLOCK, 0)
		},
	}
	in.Meta.SHA256, in.Meta.Fetched, in.Meta.Ranges = b.sha256, b.fetched, true
	in.Meta.Misses = int(min(b.misses, maxCount))
	if b.kind != "" {
		in.Meta.Header = map[string]string{"Content-Type": b.kind}
	}
	return in
}

// job is the row as a file of misses/ says it: the first request, and all others at the time of the
// last. The original kept no addresses.
func (m miss) job() *job.Job {
	j := &job.Job{URL: m.url}
	j.Events = append(j.Events, job.Event{Time: m.first, Kind: job.Miss, Count: 1, Tool: "-"})
	if m.count > 1 {
		n := int(min(m.count-1, maxCount))
		j.Events = append(j.Events, job.Event{Time: m.last, Kind: job.Miss, Count: n, Tool: "-"})
	}
	return j
}
