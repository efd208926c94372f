package deploy

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The unit and the image are tried as far as a machine without systemd or an image registry allows.
// What the tests need, make needs installs.

const patience = 30 * time.Second

// need fails clearly where a program is missing: a test that skips itself proves nothing.
func need(t *testing.T, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		t.Fatalf("%s is not installed; make needs installs it", program)
	}
}

func output(t *testing.T, name string, args ...string) string {
	t.Helper()
	c := exec.Command(name, args...)
	var stderr strings.Builder
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, out, stderr.String())
	}
	return strings.TrimSpace(string(out))
}

// TestUnit lets systemd read the unit. The binary need not be installed for that: a copy names one that exists.
func TestUnit(t *testing.T) {
	need(t, "systemd-analyze")
	unit, err := os.ReadFile("fromcache.service")
	if err != nil {
		t.Fatal(err)
	}
	const installed = "/usr/local/bin/fromcache"
	if !strings.Contains(string(unit), "\nExecStart="+installed+" serve ") {
		t.Fatalf("the unit does not start %s", installed)
	}
	here := filepath.Join(t.TempDir(), "fromcache.service")
	if err := os.WriteFile(here, []byte(strings.ReplaceAll(string(unit), installed, "/bin/true")), 0o644); err != nil {
		t.Fatal(err)
	}
	if said := output(t, "systemd-analyze", "verify", "--man=no", here); said != "" {
		t.Errorf("systemd-analyze verify: %s", said)
	}
}

// TestImage builds the image and runs its binary on its file system, as its user, on its volume: what a container engine
// would do, less the namespaces.
func TestImage(t *testing.T) {
	if testing.Short() {
		t.Skip("builds an image")
	}
	if os.Getuid() != 0 {
		t.Skip("wants root, to chroot and to be the image's user")
	}
	need(t, "buildah")
	dist := t.TempDir()
	output(t, "make", "-C", "..", "image", "DIST="+dist)
	if info, err := os.Stat(filepath.Join(dist, "fromcache-image.tar")); err != nil || info.Size() < 1<<20 {
		t.Errorf("the archive for podman load: %v", err)
	}
	buildah := func(args ...string) string {
		t.Helper()
		return output(t, "buildah", append([]string{"--storage-driver", "vfs", "--root", dist + "/buildah/root", "--runroot", dist + "/buildah/run"}, args...)...)
	}
	checkConfig(t, buildah("inspect", "--type", "image", "fromcache"))
	container := buildah("from", "fromcache")
	defer buildah("rm", container)
	runInside(t, buildah("mount", container))
	buildah("umount", container)
}

// TestImages holds that the image for two processors is a list of both, at most 20 MB each.
func TestImages(t *testing.T) {
	if testing.Short() {
		t.Skip("builds images")
	}
	if os.Getuid() != 0 {
		t.Skip("wants root, as buildah does here")
	}
	need(t, "buildah")
	dist := t.TempDir()
	output(t, "make", "-C", "..", "images", "DIST="+dist)
	var list struct {
		Manifests []struct {
			Digest   string
			Platform struct{ Architecture string }
		}
	}
	readJSON(t, dist+"/images/manifest.json", &list)
	var processors []string
	for _, m := range list.Manifests {
		processors = append(processors, m.Platform.Architecture)
		var image struct{ Layers []struct{ Size int } }
		readJSON(t, dist+"/images/"+strings.TrimPrefix(m.Digest, "sha256:")+".manifest.json", &image)
		if len(image.Layers) != 1 || image.Layers[0].Size > 20e6 {
			t.Errorf("the layers for %s are %v", m.Platform.Architecture, image.Layers)
		}
	}
	if strings.Join(processors, " ") != "amd64 arm64" {
		t.Errorf("the images are for %s", processors)
	}
}

func readJSON(t *testing.T, path string, to any) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(b, to)
	}
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

func checkConfig(t *testing.T, inspected string) {
	t.Helper()
	var image struct {
		Docker struct {
			Config struct {
				User        string
				Cmd         []string
				Entrypoint  []string
				Volumes     map[string]struct{}
				Healthcheck struct{ Test []string }
			}
		}
	}
	if err := json.Unmarshal([]byte(inspected), &image); err != nil {
		t.Fatalf("%v in %s", err, inspected)
	}
	config := image.Docker.Config
	_, volume := config.Volumes["/data"]
	if config.User != "65532:65532" || !volume || strings.Join(config.Healthcheck.Test, " ") != "CMD /fromcache health" ||
		strings.Join(append(config.Entrypoint, config.Cmd...), " ") != "/fromcache serve" {
		t.Errorf("the image's configuration is %+v", config)
	}
}

func runInside(t *testing.T, root string) {
	t.Helper()
	if _, err := os.Stat(filepath.Join(root, "etc/ssl/certs/ca-certificates.crt")); err != nil {
		t.Error(err)
	}
	inside := func(ctx context.Context, args ...string) *exec.Cmd {
		c := exec.CommandContext(ctx, "/fromcache", args...)
		c.Dir, c.Env = "/", []string{"FROMCACHE_DATA_DIR=/data"}
		c.SysProcAttr = &syscall.SysProcAttr{Chroot: root, Credential: &syscall.Credential{Uid: 65532, Gid: 65532}}
		return c
	}
	ctx, stop := context.WithTimeout(t.Context(), 2*patience)
	defer stop()
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	said := func() string {
		b, _ := os.ReadFile(log.Name())
		return string(b)
	}
	server := inside(ctx, "serve", "--host", "127.0.0.1", "--port", "0")
	server.Stderr = log
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	listening := regexp.MustCompile(`msg=serving addr=127\.0\.0\.1:(\d+)`)
	var at []string
	for at == nil && ctx.Err() == nil {
		at = listening.FindStringSubmatch(said())
		time.Sleep(20 * time.Millisecond)
	}
	if at == nil {
		t.Fatalf("it does not listen: %s", said())
	}
	port := at[1]
	healthy := false
	for !healthy && ctx.Err() == nil {
		healthy = inside(ctx, "health", "--port", port).Run() == nil
		time.Sleep(20 * time.Millisecond)
	}
	if !healthy {
		t.Error("the health check did not succeed")
	}
	if out, err := inside(ctx, "ls").CombinedOutput(); err != nil {
		t.Errorf("ls: %v: %s", err, out)
	}
	server.Process.Signal(syscall.SIGTERM) //nolint:errcheck // Wait tells
	if err := server.Wait(); err != nil {
		t.Errorf("serve: %v", err)
	}
	t.Log(said())
}
