package hosts

import (
	"os"
	"strings"

	"fromcache/fsstore/internal/tree"
)

// maxAddresses bounds in bytes what is read of a host's file.
const maxAddresses = 4 << 10

// Announce says at which URLs the server of this host answers, for programs on it. Meet writes it into
// the file of the host, unless another server of this host has the lock.
func (h *Hosts) Announce(urls []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.urls = strings.Join(urls, "\n") + "\n"
}

// writeURLs writes what was announced into the locked file at path, unless it is there. An error is
// dropped, because nothing but fromcache status needs it; the next Meet tries again.
func (h *Hosts) writeURLs(path string) {
	if h.own == nil || h.urls == "" {
		return
	}
	if there, err := tree.ReadFile(path, maxAddresses); err != nil || string(there) == h.urls {
		return
	}
	f, err := openHost(path, os.O_WRONLY|os.O_TRUNC)
	if err != nil {
		return
	}
	f.WriteString(h.urls) //nolint:errcheck // see above
	f.Close()
}

// URLs returns at which URLs the server of this host answers, as it has announced. There are none
// where it does not run. Those of one that was killed are there until the machine starts again.
func (h *Hosts) URLs() []string {
	b, err := tree.ReadFile(h.tree.Path("tmp", hostFile(h.Name, h.Boot)), maxAddresses)
	if err != nil {
		return nil
	}
	return strings.Fields(string(b))
}
