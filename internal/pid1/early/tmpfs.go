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

// defaultSizes are shares of the memory that is available at boot, after the kernel has unpacked
// the initramfs. Together they leave a fifth for processes: a machine whose file systems in memory
// are all full still runs. LinuxKit's sizes (10 %, 10 %, 50 % and no limit for the others) are
// shares of all memory and add up to more, and the kernel panics without a process to kill.
var defaultSizes = config.Tmpfs{
	Run: config.Size{Percent: 10}, Tmp: config.Size{Percent: 10}, Var: config.Size{Percent: 30}, Shm: config.Size{Percent: 10},
	Containers: config.Size{Percent: 20},
}

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

// Resize returns the steps that set the sizes of the configuration.
func Resize(sizes config.Tmpfs, available int64) []Step {
	var steps []Step
	for _, s := range []struct {
		target string
		size   config.Size
	}{
		{"/run", sizes.Run}, {"/tmp", sizes.Tmp}, {"/var", sizes.Var}, {"/dev/shm", sizes.Shm}, {bundle.Scratch, sizes.Containers},
	} {
		if s.size != (config.Size{}) {
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
