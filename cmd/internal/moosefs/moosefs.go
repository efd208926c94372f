// Package moosefs runs a MooseFS for tests: a master and a chunk server in a network namespace of
// their own, mounted twice, which is what two machines see that share a directory.
package moosefs

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// FS is a MooseFS that runs.
type FS struct {
	Mounts     [2]string // directories
	dir, netns string
	clients    [2]*exec.Cmd
}

// Missing says why this machine can run none, or "".
func Missing() string {
	if os.Getuid() != 0 {
		return "only root may mount a MooseFS"
	}
	for _, program := range []string{"mfsmaster", "mfschunkserver", "mfsmount", "ip", "nsenter"} {
		if _, err := exec.LookPath(program); err != nil {
			return program + " is not installed; make needs installs it"
		}
	}
	fuse, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	if err != nil {
		return "no FUSE here: " + err.Error()
	}
	fuse.Close()
	if err := exec.Command("unshare", "-m", "mount", "-t", "tmpfs", "none", "/mnt").Run(); err != nil {
		return "root may not mount here" // in a container, say
	}
	return ""
}

// Start runs a MooseFS below dir, which every user must be able to search, and returns when files
// can be written. The FS is to be closed even after an error, if it is not nil.
func Start(dir string) (*FS, error) {
	m := &FS{dir: dir, netns: fmt.Sprintf("fromcache-%d-%s", os.Getpid(), filepath.Base(dir))}
	m.Mounts = [2]string{dir + "/a", dir + "/b"}
	for name, text := range map[string]string{
		"exports.cfg": "10.99.0.0/24 / rw,alldirs,maproot=0\n",
		"hdd.cfg":     dir + "/chunks\n",
		"master.cfg": fmt.Sprintf("WORKING_USER = root\nWORKING_GROUP = root\nDATA_PATH = %s/master\nEXPORTS_FILENAME = %s/exports.cfg\n"+
			"MATOML_LISTEN_HOST = 10.99.0.1\nMATOCS_LISTEN_HOST = 10.99.0.1\nMATOCL_LISTEN_HOST = 10.99.0.1\n", dir, dir),
		"chunk.cfg": fmt.Sprintf("WORKING_USER = root\nWORKING_GROUP = root\nDATA_PATH = %s/chunkdata\nHDD_CONF_FILENAME = %s/hdd.cfg\n"+
			"MASTER_HOST = 10.99.0.1\nCSSERV_LISTEN_HOST = 10.99.0.1\nHDD_LEAVE_SPACE_DEFAULT = 64MiB\n", dir, dir),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return nil, err
		}
	}
	err := m.sh(`mkdir master chunkdata chunks a b; printf 'MFSM NEW' > master/metadata.mfs
		ip netns add $netns; ip -n $netns link set lo up
		ip -n $netns link add m0 type veth peer name m1; ip -n $netns addr add 10.99.0.1/24 dev m0
		ip -n $netns link set m0 up; ip -n $netns link set m1 up
		$in mfsmaster -c master.cfg start; $in mfschunkserver -c chunk.cfg start`)
	for i := range m.clients {
		if err == nil {
			err = m.mount(i)
		}
	}
	return m, err
}

// mount starts a client, and waits until files can be written.
func (m *FS) mount(i int) error {
	c := exec.Command("nsenter", "--net=/run/netns/"+m.netns, "mfsmount", m.Mounts[i], "-f", "-H", "10.99.0.1")
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := c.Start(); err != nil {
		return err
	}
	m.clients[i] = c
	var of, fs syscall.Statfs_t
	probe := filepath.Join(m.Mounts[i], "probe")
	for range 120 {
		err := errors.Join(syscall.Statfs(m.dir, &of), syscall.Statfs(m.Mounts[i], &fs))
		if err == nil && fs.Type != of.Type && fs.Bavail > 0 && os.WriteFile(probe, []byte("x"), 0o600) == nil {
			return os.Remove(probe)
		}
		time.Sleep(250 * time.Millisecond)
	}
	return fmt.Errorf("%s is not mounted", m.Mounts[i])
}

// Signal sends a signal to the client of a mount: with SIGSTOP whatever is asked of it hangs until
// SIGCONT.
func (m *FS) Signal(mount int, s syscall.Signal) error { return m.clients[mount].Process.Signal(s) }

// Close ends all of it.
func (m *FS) Close() error {
	var errs []error
	for i, c := range m.clients {
		if c == nil {
			continue
		}
		errs = append(errs, m.Signal(i, syscall.SIGCONT), m.sh("umount -l "+m.Mounts[i]), c.Process.Kill())
		c.Wait() //nolint:errcheck // it was killed
	}
	return errors.Join(append(errs, m.sh(`$in mfschunkserver -c chunk.cfg stop || true
		$in mfsmaster -c master.cfg stop || true
		ip netns del $netns`))...)
}

func (m *FS) sh(script string) error {
	c := exec.Command("sh", "-ec", "in='nsenter --net=/run/netns/"+m.netns+"'; netns="+m.netns+"\n"+script)
	c.Dir = m.dir
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", script, err, strings.TrimSpace(string(out)))
	}
	return nil
}
