package early

import (
	"golang.org/x/sys/unix"

	"github.com/org/linuxkit-action/internal/pid1/bundle"
	"github.com/org/linuxkit-action/internal/pid1/config"
)

const (
	noSuidDev  = unix.MS_NOSUID | unix.MS_NODEV
	noExec     = noSuidDev | unix.MS_NOEXEC
	noExecRel  = noExec | unix.MS_RELATIME
	tmpfs      = "tmpfs"
	cgroupPath = "/sys/fs/cgroup"
)

// Proc returns the step that mounts /proc, on which the sizes of other mounts depend.
func Proc() []Step {
	return []Step{Mount{
		Target:   "/proc",
		Type:     "proc",
		Source:   "proc",
		Flags:    noExecRel,
		Affected: "process information: runc fails, and services are killed without a stop signal",
	}}
}

// Steps returns the mounts and files that LinuxKit's rc.init creates (pkg/init), in the same
// order, without /proc and cgroups; the file systems in memory have sizes that fit the
// available memory, in bytes. /var/tmp has mode 01777; LinuxKit gives it 0755 by mistake.
func Steps(available int64) []Step {
	sizes := config.Default().Tmpfs
	size := func(s config.Size) string { return sizeOption(s, available) }
	steps := []Step{
		Mount{
			Target:   "/run",
			Type:     tmpfs,
			Source:   tmpfs,
			Flags:    noExecRel,
			Data:     size(sizes.Run) + ",mode=755",
			Affected: "containers: runc stores its state there",
		},
		Mount{
			Target: bundle.Scratch, Type: tmpfs, Source: tmpfs, Data: size(sizes.Containers) + ",mode=700",
			Affected: "the limit of what containers write to their own root",
		},
		Mount{
			Target: "/tmp", Type: tmpfs, Source: tmpfs, Flags: noExecRel, Data: size(sizes.Tmp) + ",mode=1777",
			Affected: "temporary files",
		},
		Mount{
			Target: "/var", Type: tmpfs, Source: tmpfs, Flags: noExecRel, Data: size(sizes.Var) + ",mode=755",
			Affected: "logs of services",
		},
	}
	steps = append(steps, varTree()...)
	steps = append(steps, Mount{
		Target:   "/dev",
		Type:     "devtmpfs",
		Source:   "dev",
		Flags:    unix.MS_NOSUID | unix.MS_NOEXEC | unix.MS_RELATIME,
		Data:     "size=10m,nr_inodes=248418,mode=755",
		Affected: "devices",
	})
	steps = append(steps, devices()...)
	return append(steps,
		Mount{Target: "/dev/mqueue", Type: "mqueue", Source: "mqueue", Flags: noExec, Affected: "POSIX message queues"},
		Mount{
			Target: "/dev/shm", Type: tmpfs, Source: "shm", Flags: noExec, Data: size(sizes.Shm) + ",mode=1777",
			Affected: "POSIX shared memory",
		},
		Mount{
			Target:   "/dev/pts",
			Type:     "devpts",
			Source:   "devpts",
			Flags:    unix.MS_NOSUID | unix.MS_NOEXEC,
			Data:     "gid=5,mode=0620",
			Affected: "pseudo terminals, which logins require",
		},
		Mount{Target: "/sys", Type: "sysfs", Source: "sysfs", Flags: noExec, Affected: "devices, modules and cgroups"},
	)
}

func varTree() []Step {
	var steps []Step
	for _, d := range []Dir{
		{"/var/cache", 0o755}, {"/var/empty", 0o555}, {"/var/lib", 0o755}, {"/var/local", 0o755}, {"/var/lock", 0o755},
		{"/var/log", 0o755}, {"/var/opt", 0o755}, {"/var/spool", 0o755}, {"/var/tmp", 0o1777},
	} {
		steps = append(steps, d)
	}
	return append(steps, Link{"/var/run", "/run"})
}

func devices() []Step {
	return []Step{
		Node{Path: "/dev/console", Major: 5, Minor: 1, Mode: 0o600},
		Node{Path: "/dev/tty1", Major: 4, Minor: 1, Mode: 0o620},
		Node{Path: "/dev/tty", Major: 5, Mode: 0o666},
		Node{Path: "/dev/null", Major: 1, Minor: 3, Mode: 0o666},
		Node{Path: "/dev/kmsg", Major: 1, Minor: 11, Mode: 0o660},
		Link{"/dev/fd", "/proc/self/fd"}, Link{"/dev/stdin", "/proc/self/fd/0"}, Link{"/dev/stdout", "/proc/self/fd/1"},
		Link{"/dev/stderr", "/proc/self/fd/2"}, Link{"/dev/kcore", "/proc/kcore"},
	}
}

// Optionals returns the file systems that are mounted if the kernel and the machine have
// them.
func Optionals() []Optional {
	return []Optional{
		{Mount{
			Target: "/sys/kernel/security", Type: "securityfs", Source: "securityfs",
			Flags: noExec, Affected: "files of security modules",
		}},
		{Mount{
			Target: "/sys/kernel/debug", Type: "debugfs", Source: "debugfs",
			Flags: noExec, Affected: "debug files of the kernel",
		}},
		{Mount{
			Target: "/sys/kernel/config", Type: "configfs", Source: "configfs",
			Flags: noExec, Affected: "configuration of kernel objects",
		}},
		{Mount{
			Target: "/sys/fs/fuse/connections", Type: "fusectl", Source: "fusectl",
			Flags: noExec, Affected: "control of FUSE",
		}},
		{Mount{
			Target: "/sys/fs/selinux", Type: "selinuxfs", Source: "selinuxfs",
			Flags: unix.MS_NOSUID | unix.MS_NOEXEC, Affected: "SELinux",
		}},
		{Mount{
			Target: "/sys/fs/pstore", Type: "pstore", Source: "pstore",
			Flags: noExec, Affected: "crash logs of earlier boots",
		}},
		{Mount{
			Target: "/sys/fs/bpf", Type: "bpf", Source: "bpffs",
			Flags: unix.MS_NODEV, Affected: "pinned BPF objects",
		}},
		{Mount{
			Target: "/sys/firmware/efi/efivars", Type: "efivarfs", Source: "efivarfs",
			Flags: noExec, Affected: "EFI variables",
		}},
		{Mount{
			Target: "/proc/sys/fs/binfmt_misc", Type: "binfmt_misc", Source: "binfmt_misc",
			Flags: noExec, Affected: "programs of other architectures",
		}},
	}
}
