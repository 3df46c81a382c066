package machine

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// board is the part of the command line that depends on the architecture.
type board struct {
	program, machine, cpu, pkg string
	firmware                   []string // paths to look for; none: QEMU's own firmware
}

// The CPU models have every feature that QEMU emulates, except those that only cost time:
//   - svm: the kernel would load its hypervisor modules, for a second of emulated work.
//     Without svm, QEMU 7.2 would also drop CPUID leaf 0x80000008, and Linux would take
//     every address for unmappable; hence xlevel.
//   - erms: the kernel would copy and clear memory byte by byte, which is fast in hardware
//     but a loop of one iteration per byte under TCG; a boot takes a tenth longer.
//   - pauth-impdef: pointer authentication by a fast hash instead of the QARMA cipher.
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

// uefi lists where distributions install EDK II for arm64. Without firmware QEMU starts
// the kernel with a device tree, in which the power button is a GPIO key that many kernels
// have no driver for. Real machines, and EDK II, describe it in ACPI.
var uefi = []string{
	"/usr/share/qemu-efi-aarch64/QEMU_EFI.fd",
	"/usr/share/AAVMF/AAVMF_CODE.fd",
	"/usr/share/edk2/aarch64/QEMU_EFI.fd",
}

// firstExisting returns the first of the paths that exists, or "".
func firstExisting(files []string) string {
	for _, f := range files {
		if _, err := os.Stat(f); err == nil {
			return f
		}
	}
	return ""
}

// findQEMU returns the path of the QEMU for an architecture.
func findQEMU(arch string) (string, error) {
	b, known := boards[arch]
	if !known {
		return "", fmt.Errorf("architecture %q is not supported; use amd64 or arm64", arch)
	}
	path, err := exec.LookPath(b.program)
	if err != nil {
		return "", fmt.Errorf("%s is not installed; run apt-get install %s", b.program, b.pkg)
	}
	return path, nil
}

// File descriptors that QEMU inherits, in the order of sockets.inherited.
const (
	consoleFD = 3
	monitorFD = 4
)

// args returns the arguments of QEMU. Without configuration files and default devices the
// guest has the same machine on every host.
func args(o Options, firmware string, disks []string, sandbox bool) []string {
	b := boards[o.Arch]
	a := []string{
		"-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-S",
		"-machine", b.machine + ",accel=" + string(o.Accel), "-cpu", cpu(b, o.Accel),
		"-m", strconv.Itoa(o.Memory), "-smp", strconv.Itoa(o.CPUs),
		"-chardev", fmt.Sprintf("socket,id=console,fd=%d", consoleFD), "-serial", "chardev:console",
		"-chardev", fmt.Sprintf("socket,id=monitor,fd=%d,server=on,wait=off", monitorFD),
		"-mon", "chardev=monitor,mode=control",
		"-device", "virtio-rng-pci",
		"-netdev", "user,id=net0" + network(o), "-device", "virtio-net-pci,netdev=net0,romfile=",
		"-kernel", o.Kernel, "-append", o.Cmdline,
	}
	if o.Initrd != "" {
		a = append(a, "-initrd", o.Initrd)
	}
	if firmware != "" {
		a = append(a, "-bios", firmware)
	}
	if sandbox {
		a = append(a, "-sandbox", sandboxPolicy)
	}
	for i, d := range disks {
		a = append(a,
			"-drive", fmt.Sprintf("file=%s,if=none,id=disk%d,format=raw,cache=unsafe", escape(d), i),
			"-device", fmt.Sprintf("virtio-blk-pci,drive=disk%d", i))
	}
	return a
}

// cpu returns the CPU model: the host's under KVM, else the board's.
func cpu(b board, a Accel) string {
	if a == KVM {
		return "host"
	}
	return b.cpu
}

// sandboxPolicy denies QEMU, by seccomp, new programs, other users and obsolete system
// calls: code that escapes the guest can do little with this user's files.
const sandboxPolicy = "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"

// noSandbox is in QEMU's message where it was built without seccomp.
const noSandbox = "seccomp support is disabled"

// network returns the options of the user network. Restricted, the guest reaches neither
// the host nor its network; forwarded ports lead into it all the same.
func network(o Options) string {
	if o.OpenNetwork {
		return forwards(o.Ports)
	}
	return ",restrict=on" + forwards(o.Ports)
}

// environment returns the variables of QEMU: no token, key or configuration of the job.
func environment() []string {
	return []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C"}
}

// forwards returns the hostfwd options. The host's kernel chooses free ports; readForwards
// reads which ones.
func forwards(ports []int) string {
	var s strings.Builder
	for _, p := range ports {
		fmt.Fprintf(&s, ",hostfwd=tcp:127.0.0.1:0-:%d", p)
	}
	return s.String()
}

// escape escapes a path for QEMU's option parser, which splits at commas.
func escape(path string) string { return strings.ReplaceAll(path, ",", ",,") }

// createDisks creates empty sparse files of the given sizes.
func createDisks(dir string, sizes []int64) ([]string, error) {
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
