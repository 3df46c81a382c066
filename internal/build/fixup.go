package build

import (
	"archive/tar"

	"github.com/org/linuxkit-action/internal/component/tree"
)

// What LinuxKit takes out of every image: Docker's traces.
var dropped = []string{".dockerenv", "Dockerfile", "dev/console", "dev/pts", "dev/shm", "etc/hostname"}

// What every root needs as a place to mount on.
var mountPoints = []string{"dev", "dev/pts", "dev/shm", "etc", "proc", "sys"}

// hosts is LinuxKit's /etc/hosts.
const hosts = `127.0.0.1       localhost
::1     localhost ip6-localhost ip6-loopback
fe00::0 ip6-localnet
ff00::0 ip6-mcastprefix
ff02::1 ip6-allnodes
ff02::2 ip6-allrouters
`

const noResolver = "\n# no resolv.conf configured\n"

// resolverLink is what a DHCP client writes to.
const resolverLink = "/run/resolvconf/resolv.conf"

// Where a flattened image goes.
const (
	forSystem    = "system"    // onto /
	forContainer = "container" // below /containers
)

// fixUp makes an image's files fit to run from: what Docker left there is taken
// out, and what every container finds is put in.
func fixUp(t *tree.Tree, purpose string) error {
	for _, name := range dropped {
		t.Remove(name)
	}
	for _, name := range mountPoints {
		if err := ownFolder(t, name); err != nil {
			return err
		}
	}
	owned := tree.File(0o644, []byte(hosts))
	if old, ok := t.Get("etc/hosts"); ok && old.Type == tar.TypeReg {
		owned.Perm, owned.UID, owned.GID = old.Perm, old.UID, old.GID
	}
	if err := t.Put("etc/hosts", owned); err != nil {
		return err
	}
	if _, ok := t.Get("etc/mtab"); !ok {
		if err := t.Put("etc/mtab", tree.Symlink("/proc/mounts")); err != nil {
			return err
		}
	}
	resolver := tree.File(0o644, []byte(noResolver))
	if purpose == forSystem {
		resolver = tree.Symlink(resolverLink)
	}
	return t.Put("etc/resolv.conf", resolver)
}

// ownFolder makes a folder root's with mode 0755, unless it is a link to one.
func ownFolder(t *tree.Tree, name string) error {
	if old, ok := t.Get(name); ok && old.Type == tar.TypeSymlink {
		if target, ok := t.Resolve(name); ok && target.Type == tar.TypeDir {
			return nil
		}
	}
	return t.Put(name, tree.Folder(0o755))
}
