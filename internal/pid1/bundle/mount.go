package bundle

import (
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// Mount is one mount of runtime.json, with its options taken apart.
type Mount struct {
	Type, Source, Target string
	Flags                uintptr
	Propagation          uintptr
	Data                 []string
}

// setFlags and clearFlags are the options that LinuxKit's service takes as
// flags; all others go to the file system.
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

// propagation flags need a call of their own (mount(2)). LinuxKit passes them
// along with others, where the kernel overlooks them, and does not know the
// recursive ones.
var propagation = map[string]uintptr{
	"private": unix.MS_PRIVATE, "shared": unix.MS_SHARED, "slave": unix.MS_SLAVE, "unbindable": unix.MS_UNBINDABLE,
	"rprivate": unix.MS_PRIVATE | unix.MS_REC, "rshared": unix.MS_SHARED | unix.MS_REC,
	"rslave": unix.MS_SLAVE | unix.MS_REC, "runbindable": unix.MS_UNBINDABLE | unix.MS_REC,
}

// NewMount returns a mount with options as mount(8) names them.
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

// mounts reports whether Do puts a new mount on the target.
func (m Mount) mounts() bool { return m.Flags&unix.MS_REMOUNT == 0 }

// Do makes the target, the directories an overlay needs, and the mount.
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
		// A new bind takes no flags of its own; a second call sets them.
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
