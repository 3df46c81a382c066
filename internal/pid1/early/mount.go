package early

import (
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/org/linuxkit-action/internal/pid1/file"
)

// Mount is one mount. The target is made if it is missing.
type Mount struct {
	Target string
	Type   string
	Source string
	Flags  uintptr
	Data   string
	Else   string // what is lost when it fails
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

// Lost implements Step.
func (m Mount) Lost() string { return m.Else }

// Optional is a mount of a file system that not every kernel or machine has.
type Optional struct{ Mount }

// Do implements Step. Where the kernel does not know the type now, or has no
// place for it, nothing is missing: trying it anyway would make the kernel run
// modprobe for each. A second try, once modules are loaded, finds the rest.
func (o Optional) Do() error {
	if !exists(o.Target) || !registered(o.Type) || mounted(o.Target) {
		return nil
	}
	return o.mount()
}

func (o Optional) String() string { return o.Mount.String() + " (where the kernel has it)" }

// Wanted reports whether there is a place for the file system and it is not
// there: its module is worth a try.
func (o Optional) Wanted() bool { return exists(o.Target) && !registered(o.Type) }

func exists(path string) bool {
	var st unix.Stat_t
	return unix.Stat(path, &st) == nil
}

// mounted reports whether something is mounted on path: it is on another device than its parent.
func mounted(path string) bool {
	var st, parent unix.Stat_t
	return unix.Stat(path, &st) == nil && unix.Stat(path+"/..", &parent) == nil && st.Dev != parent.Dev
}

// registered reports whether the kernel knows a file system type. Without
// /proc it is taken to know it, and the mount tells.
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
