package torture

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// mount is a file system that a part made and may break.
type mount struct {
	dir, image, kind string
}

// needsMounts skips a part where this process may not mount, or has none of the programs.
func needsMounts(row *Row, programs ...string) {
	if os.Getuid() != 0 {
		row.Skipf("it needs root, to mount")
	}
	needs(row, programs...)
	if err := sh("unshare -m mount -t tmpfs none /mnt"); err != nil { // in a container, say
		row.Skipf("root may not mount here: %v", err)
	}
}

// needs skips a part for which a program is missing.
func needs(row *Row, programs ...string) {
	for _, name := range programs {
		if _, err := exec.LookPath(name); err != nil {
			row.Skipf("it needs %s, which is not installed", name)
		}
	}
}

func sh(format string, args ...any) error {
	script := fmt.Sprintf(format, args...)
	if out, err := exec.Command("sh", "-ec", script).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", script, err, strings.TrimSpace(string(out)))
	}
	return nil
}

// newMount makes an ext4 or xfs on a loop device.
func (p *program) newMount(kind string) (*mount, error) {
	dir, err := os.MkdirTemp(p.temp, kind+"-")
	if err != nil {
		return nil, err
	}
	m := &mount{dir: filepath.Join(dir, "mnt"), image: filepath.Join(dir, "image"), kind: kind}
	if err := os.Mkdir(m.dir, 0o755); err != nil {
		return nil, err
	}
	return m, sh("truncate -s 400M %s; mkfs.%s -q %s; mount -o loop %s %s", m.image, kind, m.image, m.image, m.dir)
}

// cut is a power cut as the file system sees one: nothing that is not on the
// device gets there any more, the journal neither.
func (m *mount) cut() error {
	f, err := os.Open(m.dir)
	if err != nil {
		return err
	}
	defer f.Close()
	const (
		goingDown  = 0x8004587d // _IOR('X', 125, __u32), ext4 and xfs
		noLogFlush = 2
	)
	return unix.IoctlSetPointerInt(int(f.Fd()), goingDown, noLogFlush)
}

// again mounts what is on the device.
func (m *mount) again() error {
	return sh("umount %s || { sleep 0.2; umount %s; }; mount -o loop %s %s", m.dir, m.dir, m.image, m.dir)
}

func (m *mount) close() {
	if sh("umount %s", m.dir) != nil {
		sh("umount -l %s", m.dir)
	}
	os.RemoveAll(filepath.Dir(m.dir))
}

// newTmpfs is a file system that is soon full.
func (p *program) newTmpfs(options string) (*mount, error) {
	dir, err := os.MkdirTemp(p.temp, "tmpfs-")
	if err != nil {
		return nil, err
	}
	m := &mount{dir: filepath.Join(dir, "mnt"), kind: "tmpfs"}
	return m, sh("mkdir %s; mount -t tmpfs -o %s tmpfs %s", m.dir, options, m.dir)
}

// on is a lab whose data directory is on the mount.
func (m *mount) on(p *program, row *Row, name string) *lab {
	return p.labOn(row, filepath.Join(m.dir, name))
}
