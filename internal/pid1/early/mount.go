package early

import (
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/org/linuxkit-action/internal/pid1/file"
)

// Mount is one mount. The target is created if it is missing.
type Mount struct {
	Target   string
	Type     string
	Source   string
	Flags    uintptr
	Data     string
	Affected string // see Step.Impact
}

// Do implements Step.
func (m Mount) Do() error {
	if err := os.MkdirAll(m.Target, 0o755); err != nil {
		return err
	}
	return m.mount()
}

func (m Mount) mount() error {
	err := unix.Mount(m.Source, m.Target, m.Type, m.Flags, m.Data)
	if err != nil {
		return &os.PathError{Op: "mount " + m.Type + " on", Path: m.Target, Err: err}
	}
	return nil
}

func (m Mount) String() string {
	options := append(flagNames(m.Flags), m.Data)
	if m.Data == "" {
		options = options[:len(options)-1]
	}
	return "mount -t " + m.Type + " -o " + strings.Join(options, ",") + " " + m.Source + " " + m.Target
}

// Impact implements Step.
func (m Mount) Impact() string { return m.Affected }

// Optional is a mount of a file system that not every kernel or machine has.
type Optional struct{ Mount }

// Do implements Step. It does nothing if the kernel has no such file system or mount
// point yet: the attempt would make the kernel run modprobe. A second call, after modules
// are loaded, mounts the rest.
func (o Optional) Do() error {
	if !exists(o.Target) || !registered(o.Type) || mounted(o.Target) {
		return nil
	}
	return o.mount()
}

func (o Optional) String() string { return o.Mount.String() + " (if the kernel has it)" }

// NeedsModule reports whether the mount point exists but not the file system: it may be in
// a module.
func (o Optional) NeedsModule() bool { return exists(o.Target) && !registered(o.Type) }

func exists(path string) bool {
	var st unix.Stat_t
	return unix.Stat(path, &st) == nil
}

// mounted reports whether path is a mount point: its device differs from its parent's.
func mounted(path string) bool {
	var st, parent unix.Stat_t
	return unix.Stat(path, &st) == nil && unix.Stat(path+"/..", &parent) == nil && st.Dev != parent.Dev
}

// registered reports whether the kernel has a file system type. If /proc cannot be read it
// returns true; the mount then fails with an error.
func registered(name string) bool {
	data, err := file.Read("/proc/filesystems", 64<<10)
	if err != nil {
		return true
	}
	for line := range strings.Lines(string(data)) {
		if fields := strings.Fields(line); len(fields) > 0 && fields[len(fields)-1] == name {
			return true
		}
	}
	return false
}

var flags = []struct {
	flag uintptr
	name string
}{
	{unix.MS_RDONLY, "ro"}, {unix.MS_NOSUID, "nosuid"}, {unix.MS_NODEV, "nodev"}, {unix.MS_NOEXEC, "noexec"},
	{unix.MS_RELATIME, "relatime"},
}

func flagNames(set uintptr) []string {
	names := []string{}
	for _, f := range flags {
		if set&f.flag != 0 {
			names = append(names, f.name)
		}
	}
	return names
}
