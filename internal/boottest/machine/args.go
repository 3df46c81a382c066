package machine

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// board is what differs from one architecture to the other.
type board struct {
	program, machine, cpu, pkg string
	firmware                   []string // where it may be, in place of QEMU's own
}

// The processors are all that QEMU can emulate, but for what costs much and gives
// nothing here.
//   - svm: nothing runs on virtualization of the guest's own, and a kernel that finds it
//     loads its hypervisor, for a second of emulated work. Without svm QEMU 7.2 would also
//     drop CPUID leaf 0x80000008, and Linux take every address for unmappable.
//   - erms: a kernel that finds it copies and clears memory by bytes, which is fast in
//     silicon; emulated, it is a loop of a round a byte, and a boot takes a tenth longer.
//   - pointer authentication is done by a cipher, unless QEMU may use a hash of its own.
var boards = map[string]board{
	"amd64": {
		program: "qemu-system-x86_64",
		machine: "q35",
		cpu:     "max,-svm,-erms,xlevel=0x80000008",
		pkg:     "qemu-system-x86",
	},
	"arm64": {
		program:  "qemu-system-aarch64",
		machine:  "virt",
		cpu:      "max,pauth-impdef=on",
		pkg:      "qemu-system-arm",
		firmware: uefi,
	},
}

// uefi is where distributions have EDK II for arm64. QEMU brings no firmware for that, and
// starts a kernel with a device tree, in which the power button is a key at a GPIO that many
// kernels have no driver for. Real machines, and EDK II, have it in ACPI.
var uefi = []string{"/usr/share/qemu-efi-aarch64/QEMU_EFI.fd", "/usr/share/AAVMF/AAVMF_CODE.fd", "/usr/share/edk2/aarch64/QEMU_EFI.fd"}

// present returns the first of some files that is there, or "".
func present(files []string) string {
	for _, f := range files {
		if _, err := os.Stat(f); err == nil {
			return f
		}
	}
	return ""
}

// find returns the path of the QEMU for an architecture.
func find(arch string) (string, error) {
	b, known := boards[arch]
	if !known {
		return "", fmt.Errorf("architecture %q cannot be booted here; amd64 and arm64 can", arch)
	}
	path, err := exec.LookPath(b.program)
	if err != nil {
		return "", fmt.Errorf("%s is not installed; apt-get install %s", b.program, b.pkg)
	}
	return path, nil
}

// Descriptors that QEMU finds open: the order of sockets.theirs.
const (
	consoleFD = 3
	monitorFD = 4
)

// args is the command line of QEMU. Nothing comes from a configuration file or from
// QEMU's defaults, so the guest sees the same machine everywhere.
func args(o Options, firmware string, disks []string) []string {
	b := boards[o.Arch]
	a := []string{
		"-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-S",
		"-machine", b.machine + ",accel=" + string(o.Accel), "-cpu", cpu(b, o.Accel),
		"-m", strconv.Itoa(o.Memory), "-smp", strconv.Itoa(o.CPUs),
		"-chardev", fmt.Sprintf("socket,id=console,fd=%d", consoleFD), "-serial", "chardev:console",
		"-chardev", fmt.Sprintf("socket,id=monitor,fd=%d,server=on,wait=off", monitorFD), "-mon", "chardev=monitor,mode=control",
		"-device", "virtio-rng-pci",
		"-netdev", "user,id=net0" + forwards(o.Ports), "-device", "virtio-net-pci,netdev=net0,romfile=",
		"-kernel", o.Kernel, "-append", o.Cmdline,
	}
	if o.Initrd != "" {
		a = append(a, "-initrd", o.Initrd)
	}
	if firmware != "" {
		a = append(a, "-bios", firmware)
	}
	for i, d := range disks {
		a = append(a,
			"-drive", fmt.Sprintf("file=%s,if=none,id=disk%d,format=raw,cache=unsafe", escape(d), i),
			"-device", fmt.Sprintf("virtio-blk-pci,drive=disk%d", i))
	}
	return a
}

// cpu is the model: the host's own where the host runs it, else the board's.
func cpu(b board, a Accel) string {
	if a == KVM {
		return "host"
	}
	return b.cpu
}

// forwards lets the kernel choose the host's ports: those are free, and only this
// machine can be reached there. Which ones they are is asked by QMP.
func forwards(ports []int) string {
	var s strings.Builder
	for _, p := range ports {
		fmt.Fprintf(&s, ",hostfwd=tcp:127.0.0.1:0-:%d", p)
	}
	return s.String()
}

// escape protects a path from QEMU's option parser, which splits at commas.
func escape(path string) string { return strings.ReplaceAll(path, ",", ",,") }

// makeDisks makes empty sparse files of the given sizes.
func makeDisks(dir string, sizes []int64) ([]string, error) {
	var paths []string
	for i, size := range sizes {
		path := filepath.Join(dir, fmt.Sprintf("disk%d.raw", i))
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			return nil, err
		}
		if err := os.Truncate(path, size); err != nil {
			return nil, err
		}
		paths = append(paths, path)
	}
	return paths, nil
}
