package fetch

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strings"
	"testing"
	"time"

	"fromcache/fsstore"
)

func b64(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

func sum256(b []byte) []byte { s := sha256.Sum256(b); return s[:] }
func sum512(b []byte) []byte { s := sha512.Sum512(b); return s[:] }
func sumMD5(b []byte) []byte { s := md5.Sum(b); return s[:] }
func sumCRC(b []byte) []byte {
	return binary.BigEndian.AppendUint32(nil, crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))
}

const page = "<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body>...</body></html>\n"

// behaviour is what an origin does, and what must come of it.
type behaviour struct {
	name   string
	path   string // default /f.run
	add    fsstore.Addition
	opt    Options
	serve  func(w *wire)
	want   fsstore.State
	reason string // is in the reason
	bytes  []byte // held afterwards
	note   string // is in the notes of meta
	tries  int    // requests; 0: not looked at
}

var (
	body     = noise(1, 300_000)
	other    = noise(2, 300_000)
	gzipped  = append([]byte("\x1f\x8b\x08\x00"), body...)
	length   = fmt.Sprintf("Content-Length: %d", len(body))
	digested = func(field string) func(*wire) { return func(w *wire) { w.ok(body, field) } }
)

func sumOf(b []byte) fsstore.Addition { return fsstore.Addition{SHA256: fmt.Sprintf("%x", sum256(b))} }

func always(status string, fields ...string) func(*wire) {
	return func(w *wire) { w.say(status, append(fields, "Content-Length: 2"), []byte("no")) }
}

// first serves one way, then body as it should be.
func first(n int, serve func(*wire)) func(*wire) {
	return func(w *wire) {
		if w.n < n {
			serve(w)
			return
		}
		w.honest(body, `"a"`, -1)
	}
}

func raw(s string) func(*wire) { return func(w *wire) { fmt.Fprint(w, s) } }

func chunks(w *wire, whole bool, fields ...string) {
	w.say("200 OK", append(fields, "Transfer-Encoding: chunked"), nil)
	fmt.Fprintf(w, "%x\r\n%s\r\n", len(body), body)
	if whole {
		fmt.Fprint(w, "0\r\n\r\n")
	}
}

var behaviours = []behaviour{
	// Whole.
	{name: "plain", serve: digested("X: y"), want: fsstore.Done, bytes: body, tries: 1},
	{name: "chunked", serve: func(w *wire) { chunks(w, true) }, want: fsstore.Done, bytes: body},
	{name: "100 first", serve: func(w *wire) { fmt.Fprint(w, "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"); w.ok(body) }, want: fsstore.Done, bytes: body},
	{name: "empty text", path: "/a.txt", serve: func(w *wire) { w.ok(nil) }, want: fsstore.Done, bytes: []byte{}},
	{name: "empty signature", path: "/a.sig", serve: func(w *wire) { w.ok(nil) }, want: fsstore.Done, bytes: []byte{}},
	{name: "bytes in drips", opt: Options{Idle: 5 * time.Second}, serve: func(w *wire) {
		w.say("200 OK", []string{length}, nil)
		for i := 0; i < len(body); i += 50_000 {
			time.Sleep(5 * time.Millisecond)
			w.Write(body[i : i+50_000])
		}
	}, want: fsstore.Done, bytes: body},

	// Lengths.
	{name: "short once", serve: first(1, func(w *wire) { w.say("200 OK", []string{length}, body[:1000]) }), want: fsstore.Done, bytes: body, tries: 2},
	{name: "short always", opt: Options{Retries: 3}, serve: func(w *wire) { w.say("200 OK", []string{length}, body[:1000]) }, want: fsstore.Failed, reason: "given up after 3 attempts", tries: 3},
	{name: "nothing of what was promised", opt: Options{Retries: 2}, serve: func(w *wire) { w.say("200 OK", []string{length}, nil) }, want: fsstore.Failed, reason: "0 of 300000 bytes", tries: 2},
	{name: "long", serve: func(w *wire) {
		w.say("200 OK", []string{"Content-Length: 300000"}, append(body[:300000:300000], other...))
	}, want: fsstore.Done, bytes: body},
	{name: "two lengths", opt: Options{Retries: 1}, serve: func(w *wire) { w.say("200 OK", []string{length, "Content-Length: 5"}, body) }, want: fsstore.Failed, reason: "connection"},
	{name: "negative length", opt: Options{Retries: 1}, serve: func(w *wire) { w.say("200 OK", []string{"Content-Length: -1"}, body) }, want: fsstore.Failed},
	{name: "chunks cut", opt: Options{Retries: 2}, serve: func(w *wire) { chunks(w, false) }, want: fsstore.Failed, reason: "broke after 300000 bytes", tries: 2},
	{name: "a chunk that is no chunk", opt: Options{Retries: 2}, serve: func(w *wire) {
		w.say("200 OK", []string{"Transfer-Encoding: chunked"}, []byte("zz\r\nhello"))
	}, want: fsstore.Failed, tries: 2},
	{name: "end by close", serve: func(w *wire) { w.say("200 OK", nil, body) }, want: fsstore.Failed, reason: "sha256 <hex>", tries: 1},
	{name: "HTTP/1.0 end by close", serve: func(w *wire) { fmt.Fprint(w, "HTTP/1.0 200 OK\r\n\r\n"); w.Write(body) }, want: fsstore.Failed, reason: "sha256 <hex>"},
	{name: "end by close, but expected", add: fsstore.Addition{SHA256: fmt.Sprintf("%x", sum256(body))}, serve: func(w *wire) { w.say("200 OK", nil, body) }, want: fsstore.Done, bytes: body},
	{name: "end by close, but digested", serve: func(w *wire) {
		w.say("200 OK", []string{"Repr-Digest: sha-256=:" + b64(sum256(body)) + ":"}, body)
	}, want: fsstore.Done, bytes: body},
	{name: "end by close, cut, digested", serve: func(w *wire) {
		w.say("200 OK", []string{"Repr-Digest: sha-256=:" + b64(sum256(body)) + ":"}, body[:999])
	}, want: fsstore.Failed, reason: "Repr-Digest"},
	{name: "empty binary", serve: func(w *wire) { w.ok(nil) }, want: fsstore.Failed, reason: "no bytes"},
	{name: "empty chunks", path: "/a.txt", serve: func(w *wire) {
		w.say("200 OK", []string{"Transfer-Encoding: chunked"}, []byte("0\r\n\r\n"))
	}, want: fsstore.Failed, reason: "no bytes"},
	{name: "empty, accepted", add: fsstore.Addition{AcceptAny: true}, serve: func(w *wire) { w.ok(nil) }, want: fsstore.Done, bytes: []byte{}},
	{name: "too large, said", opt: Options{MaxSize: 1000}, serve: digested("X: y"), want: fsstore.Failed, reason: "--max-artifact-size", tries: 1},
	{name: "too large, not said", opt: Options{MaxSize: 1000}, serve: func(w *wire) { chunks(w, true) }, want: fsstore.Failed, reason: "--max-artifact-size"},
	{name: "as large as may be", opt: Options{MaxSize: 300_000}, serve: func(w *wire) { chunks(w, true) }, want: fsstore.Done, bytes: body},
	{name: "endless", opt: Options{MaxSize: 20 << 20}, serve: func(w *wire) {
		w.say("200 OK", []string{"Transfer-Encoding: chunked"}, nil)
		for i := 0; i < 1000; i++ {
			if _, err := fmt.Fprintf(w, "%x\r\n%s\r\n", len(body), body); err != nil {
				return
			}
		}
	}, want: fsstore.Failed, reason: "--max-artifact-size"},

	// Time.
	{name: "silence in the body", opt: Options{Idle: 3 * time.Second, Retries: 2}, serve: func(w *wire) {
		w.say("200 OK", []string{length}, body[:5000])
		w.Read(make([]byte, 1))
	}, want: fsstore.Failed, reason: "sent nothing for 3s, after 5000 of 300000 bytes", tries: 2},
	{name: "silence before the header", opt: Options{Header: 50 * time.Millisecond, Retries: 2}, serve: func(w *wire) { w.Read(make([]byte, 1)) }, want: fsstore.Failed, reason: "did not answer in time", tries: 2},
	{name: "header in drips", opt: Options{Header: 100 * time.Millisecond, Retries: 1}, serve: func(w *wire) {
		for _, c := range "HTTP/1.1 200 OK\r\n" + strings.Repeat("X: y\r\n", 1000) {
			if _, err := fmt.Fprint(w, string(c)); err != nil {
				return
			}
			time.Sleep(time.Millisecond)
		}
	}, want: fsstore.Failed, reason: "did not answer in time"},
	{name: "hangs up", opt: Options{Retries: 2}, serve: func(w *wire) {}, want: fsstore.Failed, reason: "connection to", tries: 2},
	{name: "no HTTP", opt: Options{Retries: 2}, serve: raw("SSH-2.0-OpenSSH_9.2\r\n\r\n"), want: fsstore.Failed, reason: "connection to", tries: 2},
	{name: "large header", serve: digested("X: " + strings.Repeat("x", 200<<10)), want: fsstore.Done, bytes: body},
	{name: "too large a header", opt: Options{Retries: 1}, serve: digested("X: " + strings.Repeat("x", 300<<10)), want: fsstore.Failed, reason: "256 KiB"},

	// Statuses.
	{name: "404", serve: always("404 Not Found"), want: fsstore.Failed, reason: "404 Not Found: the origin does not have it", tries: 1},
	{name: "410", serve: always("410 Gone"), want: fsstore.Failed, reason: "410", tries: 1},
	{name: "401", serve: always("401 Unauthorized"), want: fsstore.Failed, reason: "--credentials", tries: 1},
	{name: "403", serve: always("403 Forbidden"), want: fsstore.Failed, reason: "licence", tries: 1},
	{name: "403, signed", path: "/f.run?X-Amz-Signature=abcdef0123456789abcdef", serve: always("403 Forbidden"), want: fsstore.Failed, reason: "has expired", tries: 1},
	{name: "400", serve: always("400 Bad Request"), want: fsstore.Failed, reason: "400", tries: 1},
	{name: "418", serve: always("418 I'm a teapot"), want: fsstore.Failed, reason: "418", tries: 1},
	{name: "501", serve: always("501 Not Implemented"), want: fsstore.Failed, reason: "501", tries: 1},
	{name: "505", serve: always("505 HTTP Version Not Supported"), want: fsstore.Failed, reason: "505", tries: 1},
	{name: "503 always", opt: Options{Retries: 4}, serve: always("503 Service Unavailable"), want: fsstore.Failed, reason: "given up after 4 attempts", tries: 4},
	{name: "503 then fine", serve: first(3, always("503 Service Unavailable")), want: fsstore.Done, bytes: body, tries: 4},
	{name: "500 then fine", serve: first(1, always("500 Oops")), want: fsstore.Done, bytes: body, tries: 2},
	{name: "599 then fine", serve: first(1, always("599 Odd")), want: fsstore.Done, bytes: body, tries: 2},
	{name: "408 then fine", serve: first(1, always("408 Request Timeout")), want: fsstore.Done, bytes: body, tries: 2},
	{name: "425 then fine", serve: first(1, always("425 Too Early")), want: fsstore.Done, bytes: body, tries: 2},
	{name: "429 then fine", serve: first(1, always("429 Too Many Requests", "Retry-After: 0")), want: fsstore.Done, bytes: body, tries: 2},
	{name: "429, in an hour", serve: first(1, always("429 Too Many Requests", "Retry-After: 3600")), want: fsstore.Queue, reason: "429", tries: 1},
	{name: "503, on a date", serve: always("503 Service Unavailable", "Retry-After: Fri, 31 Dec 2100 23:59:59 GMT"), want: fsstore.Queue, reason: "503", tries: 1},
	{name: "200 without a reason", serve: func(w *wire) { w.say("200", []string{length}, body) }, want: fsstore.Done, bytes: body},
	{name: "201", serve: always("201 Created"), want: fsstore.Failed, reason: "201", tries: 1},
	{name: "202", serve: always("202 Accepted"), want: fsstore.Failed, reason: "202", tries: 1},
	{name: "203", serve: always("203 Non-Authoritative Information"), want: fsstore.Failed, reason: "203", tries: 1},
	{name: "204", serve: func(w *wire) { w.say("204 No Content", nil, nil) }, want: fsstore.Failed, reason: "204", tries: 1},
	{name: "205", serve: func(w *wire) { w.say("205 Reset Content", []string{"Content-Length: 0"}, nil) }, want: fsstore.Failed, reason: "205", tries: 1},
	{name: "206 unasked", serve: func(w *wire) {
		w.say("206 Partial Content", []string{length, "Content-Range: bytes 0-299999/300000", `ETag: "a"`}, body)
	}, want: fsstore.Failed, reason: "206", tries: 1},
	{name: "200 of a piece", serve: func(w *wire) { w.ok(body[:100], "Content-Range: bytes 0-99/300000") }, want: fsstore.Failed, reason: "sent a piece", tries: 1},
	{name: "200 of a piece, in chunks", serve: func(w *wire) {
		w.say("200 OK", []string{"Transfer-Encoding: chunked", "Content-Range: bytes 0-99/300000"}, fmt.Appendf(nil, "64\r\n%s\r\n0\r\n\r\n", body[:100]))
	}, want: fsstore.Failed, reason: "sent a piece", tries: 1},
	{name: "200 of a piece that claims all", serve: func(w *wire) { w.ok(body[:100], "Content-Range: bytes 0-299999/300000") }, want: fsstore.Failed, reason: "sent a piece", tries: 1},
	{name: "200 of a piece of who knows what", serve: func(w *wire) { w.ok(body[:100], "Content-Range: bytes 0-99/*") }, want: fsstore.Failed, reason: "sent a piece", tries: 1},
	{name: "200 of a page of a list", serve: func(w *wire) { w.ok(body, "Content-Range: items 0-24/66") }, want: fsstore.Done, bytes: body, tries: 1},
	{name: "200 of one byte too many", serve: func(w *wire) { w.ok(body, "Content-Range: bytes 0-300000/300000") }, want: fsstore.Done, bytes: body, tries: 1},
	{name: "200 of all of it", serve: func(w *wire) { w.ok(body, "Content-Range: bytes 0-299999/300000") }, want: fsstore.Done, bytes: body, tries: 1},
	{name: "304 unasked", serve: func(w *wire) { w.say("304 Not Modified", nil, nil) }, want: fsstore.Failed, reason: "304", tries: 1},
	{name: "300", serve: always("300 Multiple Choices", "Location: /g.run"), want: fsstore.Failed, reason: "300", tries: 1},
	{name: "101", serve: func(w *wire) { w.say("101 Switching Protocols", []string{"Upgrade: x"}, nil) }, want: fsstore.Failed, reason: "101"},
	{name: "416 unasked", serve: always("416 Range Not Satisfiable"), want: fsstore.Failed, reason: "416", tries: 1},
	{name: "status 999", serve: always("999 What"), want: fsstore.Failed, reason: "999", tries: 1},

	// Redirects.
	{name: "redirect", serve: func(w *wire) {
		if w.req.URL.Path == "/f.run" {
			w.say("302 Found", []string{"Location: sub/../g?x=1#frag", "Content-Length: 0"}, nil)
			return
		}
		w.ok([]byte(w.req.RequestURI))
	}, want: fsstore.Done, bytes: []byte("/g?x=1"), tries: 2},
	{name: "redirect loop", serve: always("301 Moved Permanently", "Location: /f.run"), want: fsstore.Failed, reason: "more than 10 redirects", tries: 11},
	{name: "ten redirects", serve: func(w *wire) {
		if w.n < 10 {
			w.say("307 Temporary Redirect", []string{fmt.Sprintf("Location: /%d", w.n), "Content-Length: 0"}, nil)
			return
		}
		w.ok(body)
	}, want: fsstore.Done, bytes: body, tries: 11},
	{name: "redirect to nowhere", serve: always("302 Found"), want: fsstore.Failed, reason: "Location", tries: 1},
	{name: "redirect to ftp", serve: always("302 Found", "Location: ftp://example.com/f.run"), want: fsstore.Failed, reason: "Location", tries: 1},
	{name: "redirect to file", serve: always("302 Found", "Location: file:///etc/passwd"), want: fsstore.Failed, reason: "Location", tries: 1},
	{name: "redirect with a password", serve: always("302 Found", "Location: http://u:hunter2@127.0.0.1/f.run"), want: fsstore.Failed, reason: "user name or password", tries: 1},
	{name: "redirect to loopback", serve: always("302 Found", "Location: http://127.0.0.2:1/f.run"), want: fsstore.Failed, reason: "127.0.0.2 is refused: it is a loopback address", tries: 1},
	{name: "redirect to metadata", serve: always("302 Found", "Location: http://169.254.169.254/latest/meta-data/"), want: fsstore.Failed, reason: "--allow-origin 169.254.169.254/32", tries: 1},
	{name: "redirect to mapped loopback", serve: always("302 Found", "Location: http://[::ffff:127.0.0.2]/"), want: fsstore.Failed, reason: "loopback", tries: 1},
	{name: "redirect to an odd number", serve: always("302 Found", "Location: http://0x7f.1/"), want: fsstore.Failed, reason: "four decimal numbers", tries: 1},
	{name: "redirect of 10 KiB", serve: always("302 Found", "Location: /"+strings.Repeat("x", 10<<10)), want: fsstore.Failed, reason: "longer than 8192", tries: 1},

	// What the bytes are.
	{name: "login page", serve: func(w *wire) { w.ok([]byte(page), "Content-Type: text/html") }, want: fsstore.Failed, reason: "an HTML page came where a .run was expected", tries: 1},
	{name: "login page called binary", serve: func(w *wire) { w.ok([]byte(page), "Content-Type: application/octet-stream") }, want: fsstore.Failed, reason: "HTML page"},
	{name: "login page, accepted", add: fsstore.Addition{AcceptHTML: true}, serve: func(w *wire) { w.ok([]byte(page)) }, want: fsstore.Done, bytes: []byte(page)},
	{name: "login page, any", add: fsstore.Addition{AcceptAny: true}, serve: func(w *wire) { w.ok([]byte(page)) }, want: fsstore.Done, bytes: []byte(page)},
	{name: "a page by its name", path: "/index.html", serve: func(w *wire) { w.ok([]byte(page)) }, want: fsstore.Done, bytes: []byte(page)},
	{name: "login page behind a redirect", serve: func(w *wire) {
		if w.req.URL.Path == "/f.run" {
			w.say("302 Found", []string{"Location: /login.html", "Content-Length: 0"}, nil)
			return
		}
		w.ok([]byte(page))
	}, want: fsstore.Failed, reason: "HTML page", tries: 2},
	{name: "a page by no name", path: "/", serve: func(w *wire) { w.ok([]byte(page)) }, want: fsstore.Failed, reason: "`accept text/html`", tries: 1},
	{name: "a page of a program", path: "/get.fcgi?x=1", serve: func(w *wire) { w.ok([]byte(page)) }, want: fsstore.Failed, reason: "`accept text/html`", tries: 1},
	{name: "a page by no name, accepted", path: "/install", add: fsstore.Addition{AcceptHTML: true}, serve: func(w *wire) { w.ok([]byte(page)) }, want: fsstore.Done, bytes: []byte(page)},
	{name: "a script by no name", path: "/install", serve: func(w *wire) { w.ok([]byte("#!/bin/sh\n")) }, want: fsstore.Done, bytes: []byte("#!/bin/sh\n")},
	{name: "a Git LFS pointer", path: "/m.safetensors", serve: func(w *wire) { w.ok([]byte("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")) }, want: fsstore.Failed, reason: "Git LFS", tries: 1},
	{name: "a JSON error", path: "/m.gguf", serve: func(w *wire) { w.ok([]byte(`{"error":"gated"}`)) }, want: fsstore.Failed, reason: "JSON", tries: 1},
	{name: "a JSON error, any", path: "/m.gguf", add: fsstore.Addition{AcceptAny: true}, serve: func(w *wire) { w.ok([]byte(`{"error":"gated"}`)) }, want: fsstore.Done, bytes: []byte(`{"error":"gated"}`)},
	{name: "no gzip", path: "/a.tar.gz", serve: func(w *wire) { w.ok([]byte(`{"error":"no"}`)) }, want: fsstore.Failed, reason: "the name says gzip", tries: 1},
	{name: "gzip as it is", path: "/a.tar.gz", serve: func(w *wire) { w.ok(gzipped, "Content-Encoding: x-gzip") }, want: fsstore.Done, bytes: gzipped},
	{name: "gzip of something else", serve: func(w *wire) { w.ok(gzipped, "Content-Encoding: gzip") }, want: fsstore.Failed, reason: "Content-Encoding gzip", tries: 1},
	{name: "gzip of something else, any", add: fsstore.Addition{AcceptAny: true}, serve: func(w *wire) { w.ok(gzipped, "Content-Encoding: gzip") }, want: fsstore.Done, bytes: gzipped},
	{name: "two codings", path: "/a.tar.gz", serve: func(w *wire) { w.ok(gzipped, "Content-Encoding: gzip", "Content-Encoding: br") }, want: fsstore.Failed, reason: "gzip, br", tries: 1},

	// Digests.
	{name: "sha256 as expected", add: fsstore.Addition{SHA256: fmt.Sprintf("%X", sum256(body))}, serve: digested("X: y"), want: fsstore.Done, bytes: body},
	{name: "sha256 of another", add: fsstore.Addition{SHA256: fmt.Sprintf("%x", sum256(other))}, serve: digested("X: y"), want: fsstore.Failed, reason: "the line `sha256`", tries: 1},
	{name: "sha256 over Content-MD5", add: sumOf(body), serve: digested("Content-MD5: " + b64(sumMD5(other))), want: fsstore.Done, bytes: body, note: "Content-MD5 says md5"},
	{name: "sha256 over Repr-Digest", add: sumOf(body), serve: digested("Repr-Digest: sha-256=:" + b64(sum256(other)) + ":"), want: fsstore.Done, bytes: body, note: "Repr-Digest says sha-256"},
	{name: "sha256 over x-goog-hash", add: sumOf(body), serve: digested("x-goog-hash: crc32c=" + b64(sumCRC(other))), want: fsstore.Done, bytes: body, note: "x-goog-hash says crc32c"},
	{name: "sha256 over a 206 unasked", add: sumOf(body), serve: func(w *wire) {
		w.say("206 Partial Content", []string{length, "Content-Range: bytes 0-299999/300000", `ETag: "a"`}, body)
	}, want: fsstore.Done, bytes: body, tries: 1},
	{name: "sha256 over a 200 of a piece", add: sumOf(body), serve: func(w *wire) { w.ok(body, "Content-Range: bytes 0-299/300") }, want: fsstore.Done, bytes: body, tries: 1},
	{name: "sha256 of more than a piece", add: sumOf(body), serve: func(w *wire) {
		w.say("206 Partial Content", []string{"Content-Length: 100", "Content-Range: bytes 0-99/300000", `ETag: "a"`}, body[:100])
	}, want: fsstore.Failed, reason: "sent a piece", tries: 1},
	{name: "sha256 over accept: a page", add: sumOf([]byte(page)), serve: func(w *wire) { w.ok([]byte(page)) }, want: fsstore.Done, bytes: []byte(page)},
	{name: "sha256 over accept: a coding", add: sumOf(gzipped), serve: func(w *wire) { w.ok(gzipped, "Content-Encoding: gzip") }, want: fsstore.Done, bytes: gzipped},
	{name: "sha256 of another, a page", add: sumOf(body), serve: func(w *wire) { w.ok([]byte(page)) }, want: fsstore.Failed, reason: "was expected: an HTML page", tries: 1},
	{name: "sha256 of another, encoded", add: sumOf(body), serve: func(w *wire) { w.ok(gzipped, "Content-Encoding: gzip") }, want: fsstore.Failed, reason: "Content-Encoding", tries: 1},
	{name: "sha256 over accept: nothing", add: sumOf(nil), serve: func(w *wire) { w.ok(nil) }, want: fsstore.Done, bytes: []byte{}},
	{name: "Repr-Digest", serve: digested("Repr-Digest: sha-512=:" + b64(sum512(body)) + ":"), want: fsstore.Done, bytes: body},
	{name: "Repr-Digest wrong", serve: digested("Repr-Digest: sha-512=:" + b64(sum512(other)) + ":"), want: fsstore.Failed, reason: "Repr-Digest says sha-512", tries: 1},
	{name: "Repr-Digest, one of two wrong", serve: digested("Repr-Digest: sha-256=:" + b64(sum256(body)) + ":, md5=:" + b64(sumMD5(other)) + ":"), want: fsstore.Failed, reason: "md5"},
	{name: "Content-Digest wrong", serve: digested("Content-Digest: sha-256=:" + b64(sum256(other)) + ":"), want: fsstore.Failed, reason: "Content-Digest"},
	{name: "Content-MD5", serve: digested("Content-MD5: " + b64(sumMD5(body))), want: fsstore.Done, bytes: body},
	{name: "Content-MD5 wrong", serve: digested("Content-MD5: " + b64(sumMD5(other))), want: fsstore.Failed, reason: "Content-MD5"},
	{name: "x-goog-hash", serve: digested("x-goog-hash: crc32c=" + b64(sumCRC(body)) + ",md5=" + b64(sumMD5(body))), want: fsstore.Done, bytes: body},
	{name: "x-goog-hash crc wrong", serve: digested("x-goog-hash: crc32c=" + b64(sumCRC(other)) + "\r\nx-goog-hash: md5=" + b64(sumMD5(body))), want: fsstore.Failed, reason: "crc32c"},
	{name: "x-goog-hash md5 wrong", serve: digested("x-goog-hash: crc32c=" + b64(sumCRC(body)) + "\r\nx-goog-hash: md5=" + b64(sumMD5(other))), want: fsstore.Failed, reason: "md5"},
	{name: "x-goog-hash of the stored gzip", serve: func(w *wire) {
		w.ok(body, "x-goog-hash: crc32c="+b64(sumCRC(other)), "x-goog-stored-content-encoding: gzip")
	}, want: fsstore.Done, bytes: body},
	{name: "digests that can't be read", serve: func(w *wire) {
		w.ok(body, "Repr-Digest: sha-256=abc, =, :::", "Content-MD5: ???", "x-goog-hash: md5=AA==")
	}, want: fsstore.Done, bytes: body},
	{name: "digest in the trailer", serve: func(w *wire) {
		w.say("200 OK", []string{"Transfer-Encoding: chunked", "Trailer: Repr-Digest"}, nil)
		fmt.Fprintf(w, "%x\r\n%s\r\n0\r\nRepr-Digest: sha-512=:%s:\r\n\r\n", len(body), body, b64(sum512(other)))
	}, want: fsstore.Failed, reason: "Repr-Digest"},
}

func TestBehaviours(t *testing.T) {
	for _, b := range behaviours {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			o := newLying(t, b.serve)
			l := newLab(t, b.opt)
			b.add.URL = o.url + b.path
			if b.path == "" {
				b.add.URL = o.url + "/f.run"
			}
			st, reason := l.fetch(b.add)
			if st != b.want || !strings.Contains(reason, b.reason) {
				t.Errorf("%s: %s, want %s: %s", st, reason, b.want, b.reason)
			}
			if got := l.held(b.add.URL); !bytes.Equal(got, b.bytes) || (got == nil) != (b.bytes == nil) {
				t.Errorf("%d bytes are held, want %d", len(got), len(b.bytes))
			}
			if a, err := l.s.Lookup(b.add.URL); err == nil && (!strings.Contains(strings.Join(a.Notes, "\n"), b.note) || b.note == "" && a.Notes != nil) {
				t.Errorf("notes %q, want %q", a.Notes, b.note)
			}
			if b.tries > 0 {
				l.until("it is asked so often", func() bool { return len(o.requests()) >= b.tries }) // who waits no longer leaves before it is heard
			}
			if n := len(o.requests()); b.tries > 0 && n != b.tries {
				t.Errorf("%d requests, want %d", n, b.tries)
			}
			if n := l.parts(); n > 0 && st != fsstore.Queue {
				t.Errorf("%d parts are left", n)
			}
			l.grep("hunter2")
			l.fsck()
		})
	}
	if len(behaviours) < 60 {
		t.Errorf("%d behaviours", len(behaviours))
	}
}
