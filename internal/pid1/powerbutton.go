package pid1

import (
	"os"
	"path/filepath"
	"slices"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/org/linuxkit-action/internal/pid1/guard"
	"github.com/org/linuxkit-action/internal/pid1/halt"
)

// From linux/input-event-codes.h and linux/input.h.
const (
	evKey     = 1
	keyPower  = 116
	keyMax    = 0x2ff
	eviocgbit = 0x80004520 // EVIOCGBIT(0, 0)
)

// inputEvent is struct input_event.
type inputEvent struct {
	_     unix.Timeval
	kind  uint16
	code  uint16
	value int32
}

// rescan is the interval of the search for new input devices.
const rescan = 2 * time.Second

// watchPowerButton powers the machine off when the power key of an input device is pressed: the
// power button of a PC, or a hypervisor's power-down. Devices that cannot be read are skipped.
func (m *machine) watchPowerButton() {
	guard.Go("power button", func() {
		seen := map[device]bool{}
		for ; ; time.Sleep(rescan) {
			present := map[device]bool{}
			paths, _ := filepath.Glob("/dev/input/event*") // the pattern is valid
			for _, path := range paths {
				d := identify(path)
				if present[d] = true; !seen[d] {
					guard.Do("power button "+path, func() { m.watchDevice(path) })
				}
			}
			seen = present
		}
	})
}

// device identifies an input device; a path may be reused with another inode.
type device struct {
	path  string
	inode uint64
}

func identify(path string) device {
	var st unix.Stat_t
	_ = unix.Stat(path, &st) // a device that has gone is looked at again when it is back
	return device{path: path, inode: st.Ino}
}

// watchDevice starts a goroutine that reads a device, if it has a power key.
func (m *machine) watchDevice(path string) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return
	}
	if !hasPowerKey(f) {
		_ = f.Close() // not used
		return
	}
	guard.Go("power button "+path, func() {
		defer f.Close()
		var events [64]inputEvent
		for {
			n, err := f.Read(unsafe.Slice((*byte)(unsafe.Pointer(&events)), unsafe.Sizeof(events)))
			if err != nil {
				return // the device is gone
			}
			if slices.ContainsFunc(events[:n/int(unsafe.Sizeof(events[0]))], inputEvent.isPower) {
				m.loop.Post(func() { m.shutdown(halt.PowerOff, "power button") })
			}
		}
	})
}

// hasPowerKey reports whether a device has a power key.
func hasPowerKey(f *os.File) bool {
	var keys [keyMax/8 + 1]byte
	raw, err := f.SyscallConn()
	if err != nil {
		return false
	}
	var errno unix.Errno
	err = raw.Control(func(fd uintptr) {
		request := uintptr(eviocgbit + evKey + len(keys)<<16)
		_, _, errno = unix.Syscall(unix.SYS_IOCTL, fd, request, uintptr(unsafe.Pointer(&keys)))
	})
	return err == nil && errno == 0 && keys[keyPower/8]&(1<<(keyPower%8)) != 0
}

// isPower reports whether the event is a press of the power key.
func (e inputEvent) isPower() bool { return e.kind == evKey && e.code == keyPower && e.value == 1 }
