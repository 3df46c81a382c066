// Package bundle prepares the OCI bundles below /containers: it carries out the runtime.json of
// each container, in the root mount namespace before the runtime gets the bundle, and between the
// creation of the container and its start (LinuxKit, pkg/init/cmd/service).
package bundle

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/org/linuxkit-action/internal/pid1/file"
	"github.com/org/linuxkit-action/internal/pid1/json"
	"github.com/org/linuxkit-action/internal/pid1/netlink"
)

// Directories of a stock image.
const (
	Onboot     = "/containers/onboot"
	Onshutdown = "/containers/onshutdown"
	Services   = "/containers/services"
	Volumes    = "/containers/volumes"
)

// Bundle is the directory of one container with the content of its runtime.json.
type Bundle struct {
	Dir        string
	Mounts     []Mount
	Mkdir      []string
	Cgroups    []string
	BindNS     []BindNS
	Interfaces []netlink.Interface
	Namespace  string // of containerd; "" for the default
	mounted    []string
	prepared   bool
}

// BindNS is a namespace of the container's process, such as "net", and the path that it is bound
// to.
type BindNS struct{ Namespace, Path string }

// Name returns the manifest's name of a bundle: its directory name without the NNN- of
// onboot and onshutdown.
func Name(id string) string {
	number, name, found := strings.Cut(id, "-")
	if found && number != "" && strings.Trim(number, "0123456789") == "" {
		return name
	}
	return id
}

// List returns the names of the bundles in dir, sorted, or nil if dir does not exist.
func List(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names, err
}

// Open reads the runtime.json of the bundle in dir. The file is optional.
func Open(dir string) (*Bundle, error) {
	b := &Bundle{Dir: dir}
	text, err := file.Read(filepath.Join(dir, "runtime.json"), json.MaxBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return b, nil
	}
	if err != nil {
		return nil, err
	}
	v, err := json.Parse(text)
	if err != nil {
		return nil, &os.PathError{Op: "read", Path: filepath.Join(dir, "runtime.json"), Err: err}
	}
	b.read(v)
	return b, nil
}

func (b *Bundle) read(v json.Value) {
	for _, m := range v.Get("mounts").List() {
		b.Mounts = append(b.Mounts, NewMount(m.Get("type").Text(), m.Get("source").Text(),
			b.path(m.Get("destination").Text()), m.Get("options").Texts()))
	}
	for _, dir := range v.Get("mkdir").Texts() {
		b.Mkdir = append(b.Mkdir, b.path(dir))
	}
	b.Cgroups = v.Get("cgroups").Texts()
	b.Namespace = v.Get("namespace").Text()
	for _, i := range v.Get("interfaces").List() {
		b.Interfaces = append(b.Interfaces, netlink.Interface{
			Name: i.Get("name").Text(), Add: i.Get("add").Text(), Peer: i.Get("peer").Text(),
			CreateInRoot: i.Get("createInRoot").True(),
		})
	}
	v.Get("bindNS").Each(func(name string, path json.Value) {
		if path.Text() != "" {
			b.BindNS = append(b.BindNS, BindNS{name, path.Text()})
		}
	})
}

// path resolves a path of runtime.json; a relative path is below the root of the container.
func (b *Bundle) path(p string) string {
	if filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(b.Dir, "rootfs", p)
}

// Prepare makes the mounts, directories and cgroups, once. After a failure the next call continues
// where this one stopped.
func (b *Bundle) Prepare() error {
	if b.prepared {
		return nil
	}
	for len(b.Mounts) > 0 {
		if err := b.scratch(b.Mounts[0]).Do(); err != nil {
			return err
		}
		if b.Mounts[0].mounts() {
			b.mounted = append(b.mounted, b.Mounts[0].Target)
		}
		b.Mounts = b.Mounts[1:]
	}
	for _, dir := range b.Mkdir {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	b.prepared = true
	return makeCgroups("/sys/fs/cgroup", b.Cgroups)
}

// Release unmounts what Prepare has mounted inside the bundle; a busy mount is detached.
func (b *Bundle) Release() error {
	var errs []error
	for _, target := range slices.Backward(b.mounted) {
		if !inside(b.Dir, target) {
			continue
		}
		if unix.Unmount(target, unix.UMOUNT_NOFOLLOW) == nil {
			continue
		}
		if err := unix.Unmount(target, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW); err != nil {
			errs = append(errs, &os.PathError{Op: "unmount", Path: target, Err: err})
		}
	}
	b.mounted, b.prepared = nil, false
	if len(errs) == 0 {
		_ = os.RemoveAll(scratchDir(b.Dir)) // what is left is removed with the machine
	}
	return errors.Join(errs...)
}

// Scratch is the directory of a tmpfs for what containers and volumes write: they share its limit.
// Without it each has a tmpfs of its own.
const Scratch = "/run/linuxkit-init/scratch"

// scratchDir returns the directory of a bundle or volume below Scratch.
func scratchDir(dir string) string { return filepath.Join(Scratch, dir) }

// scratch returns the bind mount of a directory below Scratch in place of a tmpfs without a size,
// which the builder puts at DIR/tmp for a writable root.
func (b *Bundle) scratch(m Mount) Mount {
	if m.Target != filepath.Join(b.Dir, "tmp") {
		return m
	}
	return shareScratch(b.Dir, m)
}

func shareScratch(dir string, m Mount) Mount {
	if _, err := os.Stat(Scratch); err != nil || m.Type != "tmpfs" || len(m.Data) > 0 {
		return m
	}
	source := scratchDir(dir)
	if os.MkdirAll(source, 0o755) != nil {
		return m
	}
	return NewMount("", source, m.Target, []string{"bind"})
}

func inside(dir, path string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && filepath.IsLocal(rel)
}

// makeCgroups makes cgroups in the version 2 hierarchy, or in every version 1 hierarchy.
func makeCgroups(root string, names []string) error {
	if len(names) == 0 {
		return nil
	}
	hierarchies := []string{root}
	if _, err := os.Stat(filepath.Join(root, "cgroup.controllers")); err != nil {
		entries, err := os.ReadDir(root)
		if err != nil {
			return err
		}
		hierarchies = nil
		for _, e := range entries {
			if e.IsDir() {
				hierarchies = append(hierarchies, filepath.Join(root, e.Name()))
			}
		}
	}
	for _, h := range hierarchies {
		for _, name := range names {
			if err := os.MkdirAll(filepath.Join(h, name), 0o755); err != nil {
				return err
			}
		}
	}
	return nil
}
