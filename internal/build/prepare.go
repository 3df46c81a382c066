package build

import (
	"archive/tar"

	"github.com/org/linuxkit-action/internal/component/tree"
)

// removedPaths lists what LinuxKit removes from every image: files that Docker leaves.
var removedPaths = []string{".dockerenv", "Dockerfile", "dev/console", "dev/pts", "dev/shm", "etc/hostname"}

// mountPoints lists the folders that every root needs.
var mountPoints = []string{"dev", "dev/pts", "dev/shm", "etc", "proc", "sys"}

// hosts is LinuxKit's /etc/hosts.
const hosts = `127.0.0.1       localhost
::1     localhost ip6-localhost ip6-loopback
fe00::0 ip6-localnet
ff00::0 ip6-mcastprefix
ff02::1 ip6-allnodes
ff02::2 ip6-allrouters
`

const emptyResolver = "\n# no resolv.conf configured\n"

// resolverLink is the file that a DHCP client writes.
const resolverLink = "/run/resolvconf/resolv.conf"

// rootKind is the use of a flattened image.
type rootKind int

const (
	systemRoot    rootKind = iota // unpacked to /
	containerRoot                 // the root of a container
)

// prepareRoot removes Docker's files from an image and adds the mount points and the
// files below /etc that every root needs.
func prepareRoot(t *tree.Tree, kind rootKind) error {
	for _, name := range removedPaths {
		t.Remove(name)
	}
	for _, name := range mountPoints {
		if err := makeMountPoint(t, name); err != nil {
			return err
		}
	}
	file := tree.File(0o644, []byte(hosts))
	if old, ok := t.Get("etc/hosts"); ok && old.Type == tar.TypeReg {
		file.Perm, file.UID, file.GID = old.Perm, old.UID, old.GID
	}
	if err := t.Put("etc/hosts", file); err != nil {
		return err
	}
	if _, ok := t.Get("etc/mtab"); !ok {
		if err := t.Put("etc/mtab", tree.Symlink("/proc/mounts")); err != nil {
			return err
		}
	}
	resolver := tree.File(0o644, []byte(emptyResolver))
	if kind == systemRoot {
		resolver = tree.Symlink(resolverLink)
	}
	return t.Put("etc/resolv.conf", resolver)
}

// makeMountPoint makes a folder of root with mode 0755. It keeps a link to a folder.
func makeMountPoint(t *tree.Tree, name string) error {
	if old, ok := t.Get(name); ok && old.Type == tar.TypeSymlink {
		if target, ok := t.Resolve(name); ok && target.Type == tar.TypeDir {
			return nil
		}
	}
	return t.Put(name, tree.Folder(0o755))
}
