package storetest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"fromcache/fsstore"
	"fromcache/fsstore/job"
	"fromcache/fsstore/key"
)

// LargeURL is the URL of artifact i of FillLarge.
func LargeURL(i int) string {
	return fmt.Sprintf("https://developer.download.nvidia.example/compute/cuda/repos/%d/package-%d_amd64.deb", i%100, i)
}

// FillLarge makes n artifacts in the data directory dir, as files and without fsync: a meta each, a
// blob of some bytes each, and a job in done/ and hits of each tenth. It takes minutes for a million,
// which to publish would take hours.
func FillLarge(dir string, n int) error {
	s, err := fsstore.Open(dir, fsstore.Options{})
	if err != nil {
		return err
	}
	if err := s.Close(); err != nil {
		return err
	}
	var next atomic.Int64
	var all sync.WaitGroup
	errs := make(chan error, runtime.NumCPU())
	for range cap(errs) {
		all.Go(func() {
			for i := int(next.Add(1) - 1); i < n; i = int(next.Add(1) - 1) {
				if err := fillOne(dir, i); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	all.Wait()
	close(errs)
	return <-errs
}

func fillOne(dir string, i int) error {
	url := LargeURL(i)
	u, err := key.Parse(url, key.Auto)
	if err != nil {
		return err
	}
	body := fmt.Appendf(nil, "artifact %d\n", i)
	sum := sha256.Sum256(body)
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(i) * time.Second)
	m := fsstore.Meta{
		URL: u.String(), URLSum: u.Sum(), AskedSum: u.Sum(), FinalURL: "https://cdn." + url[len("https://"):],
		Redirects: []string{url}, Size: int64(len(body)), SHA256: hex.EncodeToString(sum[:]), Fetched: at,
		Header: map[string]string{"Content-Type": "application/vnd.debian.binary-package", "Etag": `"683ec-1"`,
			"Last-Modified": "Tue, 03 Jun 2025 10:00:00 GMT"},
		Ranges: true, Approved: &fsstore.Approval{Via: "web", Addr: "10.0.0.2", Time: at}, Misses: 3,
		Claim: fmt.Sprintf("%016x", i),
	}
	var meta bytes.Buffer
	e := json.NewEncoder(&meta)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(&m); err != nil {
		return err
	}
	record := url + "\n" +
		job.Event{Time: at, Kind: job.Approve, Count: 1, Via: "web", Addr: "10.0.0.2"}.Line() +
		job.Event{Time: at, Kind: job.Done, Count: 1, Size: m.Size, Sha256: m.SHA256}.Line()
	files := []struct {
		path, text string
		mode       os.FileMode
	}{
		{"blobs/" + m.SHA256, string(body), 0o444},
		{"meta/" + u.Key() + ".json", meta.String(), 0o660},
		{"done/" + u.Key() + ".job", record, 0o660},
		{"hits/" + u.Key(), fmt.Sprintf("%d\n", i%1000), 0o660},
	}
	if i%10 != 0 {
		files = files[:2]
	}
	for _, f := range files {
		if err := os.WriteFile(dir+"/"+f.path, []byte(f.text), f.mode); err != nil {
			return err
		}
	}
	return nil
}
