package bundle

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Mount is one mount of runtime.json with its options parsed.
type Mount struct {
	Type, Source, Target string
	Flags                uintptr
	Propagation          uintptr
	Data                 []string
}

// setFlags and clearFlags are the options that LinuxKit's service maps to flags; other options go
// to the file system.
var setFlags = map[string]uintptr{
	"bind": unix.MS_BIND, "rbind": unix.MS_BIND | unix.MS_REC, "dirsync": unix.MS_DIRSYNC, "mand": unix.MS_MANDLOCK,
	"noatime": unix.MS_NOATIME, "nodev": unix.MS_NODEV, "nodiratime": unix.MS_NODIRATIME, "noexec": unix.MS_NOEXEC,
	"nosuid": unix.MS_NOSUID, "relatime": unix.MS_RELATIME, "remount": unix.MS_REMOUNT, "ro": unix.MS_RDONLY,
	"strictatime": unix.MS_STRICTATIME, "sync": unix.MS_SYNCHRONOUS, "defaults": 0,
}

var clearFlags = map[string]uintptr{
	"async": unix.MS_SYNCHRONOUS, "atime": unix.MS_NOATIME, "dev": unix.MS_NODEV, "diratime": unix.MS_NODIRATIME,
	"exec": unix.MS_NOEXEC, "nomand": unix.MS_MANDLOCK, "norelatime": unix.MS_RELATIME, "nostrictatime": unix.MS_STRICTATIME,
	"rw": unix.MS_RDONLY, "suid": unix.MS_NOSUID,
}

// propagation flags need a separate call (mount(2)). LinuxKit combines them with other flags, where
// the kernel ignores them, and does not support the recursive ones.
var propagation = map[string]uintptr{
	"private": unix.MS_PRIVATE, "shared": unix.MS_SHARED, "slave": unix.MS_SLAVE, "unbindable": unix.MS_UNBINDABLE,
	"rprivate": unix.MS_PRIVATE | unix.MS_REC, "rshared": unix.MS_SHARED | unix.MS_REC,
	"rslave": unix.MS_SLAVE | unix.MS_REC, "runbindable": unix.MS_UNBINDABLE | unix.MS_REC,
}

// NewMount returns a mount with the options parsed; their names are those of mount(8).
func NewMount(kind, source, target string, options []string) Mount {
	m := Mount{Type: kind, Source: source, Target: target}
	for _, o := range options {
		set, isSet := setFlags[o]
		unset, isClear := clearFlags[o]
		prop, isProp := propagation[o]
		switch {
		case isSet:
			m.Flags |= set
		case isClear:
			m.Flags &^= unset
		case isProp:
			m.Propagation = prop
		default:
			m.Data = append(m.Data, o)
		}
	}
	return m
}

// mounts reports whether Do makes a new mount.
func (m Mount) mounts() bool { return m.Flags&unix.MS_REMOUNT == 0 }

// Do makes the target, the directories of an overlay, and the mount.
func (m Mount) Do() error {
	for _, dir := range append(m.overlayDirs(), m.Target) {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	onlyPropagation := m.Flags == unix.MS_REMOUNT && len(m.Data) == 0 && m.Propagation != 0
	if !onlyPropagation {
		if err := m.call(m.Flags); err != nil {
			return err
		}
	}
	const readOnlyBind = unix.MS_BIND | unix.MS_RDONLY
	if m.mounts() && m.Flags&readOnlyBind == readOnlyBind {
		// A new bind mount ignores other flags; a remount sets them.
		if err := m.call(m.Flags | unix.MS_REMOUNT); err != nil {
			return err
		}
	}
	if m.Propagation == 0 {
		return nil
	}
	return m.call(m.Propagation)
}

func (m Mount) call(flags uintptr) error {
	if err := unix.Mount(m.Source, m.Target, m.Type, flags, strings.Join(m.Data, ",")); err != nil {
		return &os.PathError{Op: "mount " + m.Type + " on", Path: m.Target, Err: err}
	}
	return nil
}

func (m Mount) overlayDirs() []string {
	var dirs []string
	for _, o := range m.Data {
		key, dir, _ := strings.Cut(o, "=")
		if m.Type == "overlay" && (key == "upperdir" || key == "workdir") {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// PrepareVolume mounts DIR/merged, which containers bind: DIR/lower with an overlay on a tmpfs,
// like LinuxKit's 005-volumes, or DIR/lower read-only if the builder made no DIR/tmp.
func PrepareVolume(dir string) error {
	lower, tmp, merged := filepath.Join(dir, "lower"), filepath.Join(dir, "tmp"), filepath.Join(dir, "merged")
	if _, err := os.Stat(tmp); errors.Is(err, fs.ErrNotExist) {
		return NewMount("", lower, merged, []string{"bind", "ro"}).Do()
	}
	if err := shareScratch(dir, NewMount("tmpfs", "tmpfs", tmp, nil)).Do(); err != nil {
		return err
	}
	options := []string{
		"lowerdir=" + lower,
		"upperdir=" + filepath.Join(tmp, "upper"),
		"workdir=" + filepath.Join(tmp, "work"),
	}
	return NewMount("overlay", "overlay", merged, options).Do()
}
