package early

import (
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/org/linuxkit-action/internal/pid1/bundle"
	"github.com/org/linuxkit-action/internal/pid1/config"
	"github.com/org/linuxkit-action/internal/pid1/file"
)

// maxMeminfo bounds /proc/meminfo, in bytes.
const maxMeminfo = 16 << 10

// fallbackMemory is assumed if /proc/meminfo cannot be read, in bytes.
const fallbackMemory = 256 << 20

// AvailableMemory returns the memory that is available now, in bytes.
func AvailableMemory() int64 {
	text, _ := file.Read("/proc/meminfo", maxMeminfo) // without it the fallback applies
	return availableMemory(string(text))
}

// availableMemory parses /proc/meminfo (proc_meminfo(5)), which counts in KiB.
func availableMemory(text string) int64 {
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 2 || fields[0] != "MemAvailable:" {
			continue
		}
		if n, err := strconv.ParseInt(fields[1], 10, 64); err == nil && n > 0 {
			return n << 10
		}
	}
	return fallbackMemory
}

// sizeOption returns the mount option for a size.
func sizeOption(s config.Size, available int64) string {
	bytes := s.Bytes
	if s.Percent > 0 {
		bytes = available / 100 * int64(s.Percent)
	}
	return "size=" + strconv.FormatInt(max(bytes>>10, 1), 10) + "k"
}

// Resize returns the steps that set the sizes of the configuration where Steps has set others.
func Resize(sizes config.Tmpfs, available int64) []Step {
	var steps []Step
	mounted := config.Default().Tmpfs
	for _, s := range []struct {
		target    string
		size, now config.Size
	}{
		{target: "/run", size: sizes.Run, now: mounted.Run},
		{target: "/tmp", size: sizes.Tmp, now: mounted.Tmp},
		{target: "/var", size: sizes.Var, now: mounted.Var},
		{target: "/dev/shm", size: sizes.Shm, now: mounted.Shm},
		{target: bundle.Scratch, size: sizes.Containers, now: mounted.Containers},
	} {
		if s.size != s.now {
			steps = append(steps, resize{s.target, sizeOption(s.size, available)})
		}
	}
	return steps
}

// resize sets the size of a tmpfs.
type resize struct{ target, option string }

func (r resize) Do() error {
	var st unix.Statfs_t
	if err := unix.Statfs(r.target, &st); err != nil {
		return &os.PathError{Op: "resize", Path: r.target, Err: err}
	}
	flags := uintptr(st.Flags) & (unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC | unix.MS_RELATIME)
	if err := unix.Mount("", r.target, "", unix.MS_REMOUNT|flags, r.option); err != nil {
		return &os.PathError{Op: "resize", Path: r.target, Err: err}
	}
	return nil
}

func (r resize) String() string { return "mount -o remount," + r.option + " " + r.target }
func (r resize) Impact() string { return "the size of " + r.target }
