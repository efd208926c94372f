package active_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"fromcache/fsstore"
	"fromcache/fsstore/internal/storetest"
	"fromcache/fsstore/internal/tree"
	"fromcache/fsstore/job"
)

const (
	badPartDir = "FROMCACHE_TEST_BAD_PART"
	badWorker  = "0123456789abcdef" // who reads the part, and whose name it has by then
)

// TestAPartWithABadSpot: what the disk does not give back is fetched again, from
// the start.
func TestAPartWithABadSpot(t *testing.T) {
	if dir := os.Getenv(badPartDir); dir != "" {
		resumeBadPart(t, storetest.OpenAt(t, dir, fsstore.Options{}))
		return
	}
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Fatal("strace is missing: `make test` installs it")
	}
	for _, fault := range []string{"EIO", "EUCLEAN", "EBADMSG"} {
		s := storetest.TestStore(t)
		c := storetest.MustClaim(t, s, storetest.Add(t, s, storetest.CudaURL))
		p, err := c.Part(t.Context(), false)
		storetest.Must(t, err)
		storetest.Must(t, c.Start(fsstore.Started{Size: 9, ETag: `"a"`}))
		p.Write([]byte("half"))
		storetest.Must(t, c.Requeue("stopped"))
		path := storetest.Path(s, "tmp", tree.PartName(c.Key, badWorker))
		cmd := exec.Command(strace, "-f", "-qq", "-o", os.DevNull, "-P", path, "-e", "inject=pread64:error="+fault, os.Args[0], "-test.run=^TestAPartWithABadSpot$")
		cmd.Env = append(os.Environ(), badPartDir+"="+s.Dir())
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "it has 0 bytes") {
			t.Errorf("%s: %v\n%s", fault, err, out)
		}
		if a, err := s.Lookup(storetest.CudaURL); err != nil || a.SHA256 != storetest.DigestOf("the whole") {
			t.Errorf("%s: %+v, %v", fault, a, err)
		}
		storetest.Run(t, s.Dir(), "test -z \"$(ls tmp)\"")
		storetest.Sound(t, s)
	}
}

func resumeBadPart(t *testing.T, s *fsstore.Store) {
	c := storetest.ClaimNext(t, s)
	c.Worker = badWorker
	p, err := c.Part(t.Context(), true)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println("it has", p.Size(), "bytes", string(p.Head()))
	p.Write([]byte("the whole"))
	if _, err := c.Publish(p, fsstore.Origin{}); err != nil {
		t.Fatal(err)
	}
}

// After a power cut a part has its size, and zeros for what had not been written. So beyond what the
// job says is kept it is gone on with only while the machine runs, and only where it has no hole.
func TestAPartAfterAPowerCut(t *testing.T) {
	const page, goesOn = 8192, "goes on"
	for _, c := range []struct {
		name, boot string // "": the same
		putDown    bool
		then       string // to the part
		size       int64  // of what is gone on with
	}{
		{"killed", "", false, "", page},
		{"killed twice", "", false, goesOn, 2 * page},
		{"power cut", "00000000", false, "", 0},
		{"power cut after a kill", "00000000", false, goesOn, 0},
		{"put down", "", true, "", page},
		{"put down, then a power cut", "00000000", true, "", page},
		{"put down, gone on with and killed", "", true, goesOn, 2 * page},
		{"put down, gone on with, then a power cut", "00000000", true, goesOn, page},
		{"put down, begun anew, then a power cut", "00000000", true, "restart", 0},
		{"the disk went away", "", false, "truncate -s 100000 tmp/*.part", 0},
		{"put down, then the disk went away", "", true, "truncate -s 100000 tmp/*.part", page},
		{"put down by an earlier server, then a power cut", "00000000", true, "sed -i '/ kept /d' queue/*; chmod 660 tmp/*.part", 0},
	} {
		s := storetest.TestStore(t)
		claim := storetest.MustClaim(t, s, storetest.Add(t, s, storetest.CudaURL))
		begin := func(claim *fsstore.Claim, resume bool) {
			p, err := claim.Part(t.Context(), resume)
			storetest.Must(t, err)
			if c.then == "restart" && resume {
				storetest.Must(t, p.Restart())
			}
			storetest.Must(t, claim.Start(fsstore.Started{Size: 200000, ETag: `"a"`, From: p.Size()}))
			_, err = p.Write(make([]byte, page)) // written zeros are no hole
			storetest.Must(t, err)
		}
		die := func(claim *fsstore.Claim) {
			claim.Close() // as a kill does
			storetest.Must(t, s.Recover())
		}
		begin(claim, false)
		if c.putDown {
			storetest.Must(t, claim.Requeue("stopped"))
		} else {
			die(claim)
		}
		switch c.then {
		case "":
		case goesOn, "restart":
			claim = storetest.MustClaim(t, s, claim.Key+".job")
			begin(claim, true)
			die(claim)
		default:
			storetest.Run(t, s.Dir(), c.then)
		}
		if c.boot != "" {
			s = storetest.OpenAt(t, s.Dir(), fsstore.Options{})
			s.Hosts.Boot = c.boot
		}
		again := storetest.MustClaim(t, s, claim.Key+".job")
		p, err := again.Part(t.Context(), true)
		storetest.Must(t, err)
		if p.Size() != c.size {
			t.Errorf("%s: goes on with %d bytes, want %d", c.name, p.Size(), c.size)
		}
		if info, err := p.F().Stat(); err != nil || info.Size() != c.size {
			t.Errorf("%s: the part has %d bytes, %v", c.name, info.Size(), err)
		}
		again.Close()
	}
}

// What a power cut left is never under the name of a claim of this start of the
// machine, which would vouch for it to the next: here no such name can be had.
func TestACutOffPartGetsNoNewName(t *testing.T) {
	s := storetest.TestStore(t)
	claim := storetest.MustClaim(t, s, storetest.Add(t, s, storetest.CudaURL))
	p, err := claim.Part(t.Context(), false)
	storetest.Must(t, err)
	storetest.Must(t, claim.Start(fsstore.Started{Size: 9, ETag: `"a"`}))
	_, err = p.Write([]byte("half"))
	storetest.Must(t, err)
	claim.Close()
	storetest.Must(t, s.Recover())
	s.Hosts.Boot = "00000000"
	again := storetest.MustClaim(t, s, claim.Key+".job")
	inTheWay := storetest.Path(s, "tmp", tree.PartName(again.Key, again.Worker))
	storetest.Must(t, os.Mkdir(inTheWay, 0o700))
	storetest.Must(t, os.Chtimes(inTheWay, time.Time{}, time.Unix(1, 0))) // it is looked at last
	_, err = again.Part(t.Context(), true)
	if info, statErr := os.Stat(p.Path()); err == nil || statErr != nil || info.Size() != 0 {
		t.Errorf("%v; under its old name: %+v, %v", err, info, statErr)
	}
	again.Close()
}

// TestAPartIsOfItsJob: two jobs may have one key, for their URLs differ in what is
// dropped. What one has begun may be another version: the other does not go on
// with it.
func TestAPartIsOfItsJob(t *testing.T) {
	s := storetest.TestStore(t)
	begin := func(name, etag, b string) {
		c := storetest.MustClaim(t, s, name)
		_, resume := c.Job.Newest(job.Start)
		p, err := c.Part(t.Context(), resume)
		if err != nil || p.Size() != 0 {
			t.Fatalf("%s goes on with %d bytes of another job: %v", etag, p.Size(), err)
		}
		if err := c.Start(fsstore.Started{Size: 9, ETag: etag}); err != nil {
			t.Fatal(err)
		}
		p.Write([]byte(b))
		if err := c.Retry("cut", time.Now().Add(-time.Second)); err != nil {
			t.Fatal(err)
		}
	}
	k := storetest.KeyOf(t, storetest.CudaURL)
	storetest.Add(t, s, storetest.CudaURL+"?AWSAccessKeyId=k&Expires=1&Signature=1")
	begin(k+".job", `"1"`, "11111")
	storetest.Run(t, s.Dir(), "mv queue/* first.job")
	storetest.Add(t, s, storetest.CudaURL+"?AWSAccessKeyId=k&Expires=1&Signature=2")
	begin(k+".job", `"2"`, "222")
	storetest.Run(t, s.Dir(), "mv first.job queue/"+k+".2.job")
	begin(k+".2.job", `"1"`, "1111")
	for name, want := range map[string]int64{k + ".job": 3, k + ".2.job": 4} {
		c := storetest.MustClaim(t, s, name)
		if p, err := c.Part(t.Context(), true); err != nil || p.Size() != want {
			t.Errorf("%s: its own part has %d bytes: %v", name, p.Size(), err)
		}
		if err := c.Requeue("x"); err != nil {
			t.Fatal(err)
		}
	}
}

// Somebody else appends to a part under the hands of its writer.
func TestSomebodyElseWritesToAPart(t *testing.T) {
	s := storetest.TestStore(t)
	c := storetest.MustClaim(t, s, storetest.Add(t, s, storetest.CudaURL))
	p, err := c.Part(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	p.Write([]byte("mine"))
	storetest.Run(t, s.Dir(), "printf theirs >> $(echo tmp/*.part)")
	if _, err := c.Publish(p, fsstore.Origin{}); err == nil {
		t.Error("published what somebody else wrote")
	}
	storetest.Sound(t, s)
}

func TestResumeHashesTheFile(t *testing.T) {
	s := storetest.TestStore(t)
	c := storetest.MustClaim(t, s, storetest.Add(t, s, storetest.CudaURL))
	p, _ := c.Part(t.Context(), true)
	p.Write([]byte("hello "))
	if err := c.Requeue("stopped"); err != nil {
		t.Fatal(err)
	}
	storetest.Run(t, s.Dir(), "printf J | dd of=$(echo tmp/*.part) bs=1 conv=notrunc status=none") // rot
	c = storetest.ClaimNext(t, s)
	p, err := c.Part(t.Context(), true)
	if err != nil || p.Size() != 6 || string(p.Head()) != "Jello " {
		t.Fatalf("adopted %d bytes %q, %v", p.Size(), p.Head(), err)
	}
	p.Write([]byte("world"))
	a, err := c.Publish(p, fsstore.Origin{})
	if err != nil || a.SHA256 != storetest.DigestOf("Jello world") {
		t.Errorf("%+v, %v", a, err)
	}
	storetest.Run(t, s.Dir(), "test -z \"$(ls tmp)\"")
	storetest.Sound(t, s)
}

func TestAPartHasOneWriter(t *testing.T) {
	s := storetest.TestStore(t)
	c := storetest.MustClaim(t, s, storetest.Add(t, s, storetest.CudaURL))
	p, _ := c.Part(t.Context(), true)
	p.Write([]byte("mine"))
	if err := c.Start(fsstore.Started{Size: 8, ETag: `"a"`}); err != nil {
		t.Fatal(err)
	}
	c2 := s.ReadClaim(c.F(), c.Key+".job", storetest.Text(t, s, fsstore.Active, tree.Base(c.Path())))
	p2, err := c2.Part(t.Context(), true)
	if err != nil || p2.Size() != 0 {
		t.Fatalf("adopted a part that is being written: %d bytes, %v", p2.Size(), err)
	}
	storetest.Run(t, s.Dir(), "f=$(ls tmp/*@"+c.Worker+".part) && cp $f x && mv x $f")
	if _, err := c.Publish(p, fsstore.Origin{}); err == nil || errors.Is(err, fsstore.ErrLost) {
		t.Errorf("published a part that was replaced: %v", err)
	}
}

func TestDiscardAndRestart(t *testing.T) {
	s := storetest.TestStore(t)
	c := storetest.MustClaim(t, s, storetest.Add(t, s, storetest.CudaURL))
	p, _ := c.Part(t.Context(), false)
	p.Write([]byte("wrong"))
	if err := p.Restart(); err != nil {
		t.Fatal(err)
	}
	p.Write([]byte("right"))
	if got := p.SHA256(); got != storetest.DigestOf("right") || p.Size() != 5 {
		t.Errorf("%s, %d bytes", got, p.Size())
	}
	if err := p.Discard(); err != nil {
		t.Fatal(err)
	}
	if err := c.Fail("an HTML page"); err != nil {
		t.Fatal(err)
	}
	storetest.Run(t, s.Dir(), "test -z \"$(ls tmp)\"")
	storetest.Run(t, s.Dir(), "tail -1 failed/* | grep -q ' failed an HTML page$'")
}

// TestNoSyncAfterAFailedOne: the fsync that succeeds after one that failed vouches for nothing.
func TestNoSyncAfterAFailedOne(t *testing.T) {
	s := storetest.TestStore(t)
	c := storetest.MustClaim(t, s, storetest.Add(t, s, storetest.CudaURL))
	p, err := c.Part(t.Context(), false)
	storetest.Must(t, err)
	storetest.Must(t, c.Start(fsstore.Started{Size: 9, ETag: `"a"`}))
	p.Write([]byte("half"))
	_, noFile, err := os.Pipe() // fsync(2) of it fails
	storetest.Must(t, err)
	defer noFile.Close()
	file := p.F()
	p.SetF(noFile)
	if p.Keep() == nil {
		t.Fatal("a pipe was synced")
	}
	p.SetF(file)
	storetest.Must(t, c.Requeue("stopped"))
	storetest.Run(t, s.Dir(), "test -z \"$(ls tmp)\" && ! grep -r ' kept ' queue")
}
