package torture

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"fromcache/cmd/internal/testbed"
)

// program is the real binary, built once, and what the parts share.
type program struct {
	path   string // of fromcache
	temp   string
	memory string // a directory that no disk is under, or temp
	origin *origin
	rows   []*Row
}

func newProgram() (*program, error) {
	temp, err := os.MkdirTemp("", "fromcache-torture-")
	if err != nil {
		return nil, err
	}
	p := &program{path: filepath.Join(temp, "fromcache"), temp: temp, memory: temp}
	if err := testbed.Build(p.path, "fromcache/cmd/fromcache"); err != nil {
		os.RemoveAll(temp)
		return nil, err
	}
	if memory, err := os.MkdirTemp("/dev/shm", "fromcache-torture-"); err == nil {
		p.memory = memory
	}
	p.origin = newOrigin()
	return p, nil
}

func (p *program) close() {
	p.origin.CloseClientConnections()
	p.origin.Close()
	os.RemoveAll(p.memory)
	os.RemoveAll(p.temp)
}

// server is a running `fromcache serve`.
type server struct{ *testbed.Server }

// serve starts the server on a directory, behind the words of prefix: strace,
// prlimit, ip netns exec. The error says what was started, and what it logged.
func (p *program) serve(data string, prefix []string, flags ...string) (*server, error) {
	s := p.newServer(data, prefix, flags...)
	if err := s.Start(time.Minute); err != nil { // a machine may be busy
		return nil, fmt.Errorf("%s: %w\n%s", s.Cmd, err, s.Text())
	}
	return s, nil
}

func (p *program) newServer(data string, prefix []string, flags ...string) *server {
	args := append(append([]string{}, prefix...), p.path, "serve", "--host", "127.0.0.1", "--port", "0", "--data-dir", data,
		"--min-free", "0", "--allow-origin", "127.0.0.1")
	return &server{testbed.NewServer(append(args, flags...), "GOMAXPROCS=1")}
}

// get asks the cache for an origin's URL. A whole answer is the bytes and 200;
// one that breaks off is an error.
func (s *server) get(raw string) (int, []byte, error) {
	resp, err := client.Get("http://" + s.Addr + "/blob?url=" + url.QueryEscape(raw))
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp.StatusCode, b, err
}

// look asks for a page.
func (s *server) look(page string) (int, error) {
	resp, err := client.Get("http://" + s.Addr + page)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, err
}

// post sends a form, as a page's button does.
func (s *server) post(path, field, value string) (int, error) {
	resp, err := client.PostForm("http://"+s.Addr+path, url.Values{field: {value}})
	if err != nil {
		return 0, err
	}
	resp.Body.Close()
	return resp.StatusCode, nil
}

// client asks no proxy and follows no redirect.
var client = &http.Client{
	Transport:     &http.Transport{DisableKeepAlives: true},
	Timeout:       30 * time.Second,
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}
