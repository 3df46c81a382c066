package early

import "golang.org/x/sys/unix"

const (
	noSuidDev  = unix.MS_NOSUID | unix.MS_NODEV
	noExec     = noSuidDev | unix.MS_NOEXEC
	noExecRel  = noExec | unix.MS_RELATIME
	tmpfs      = "tmpfs"
	cgroupPath = "/sys/fs/cgroup"
)

// Steps returns what LinuxKit's rc.init mounts and makes (pkg/init), in order,
// but for the cgroups. Where LinuxKit's mode conversion makes /var/tmp 0755,
// this has the 01777 that was meant.
func Steps() []Step {
	steps := []Step{
		Mount{"/proc", "proc", "proc", noExecRel, "", "looking at processes: services are not stopped gently, runc does not work"},
		Mount{"/run", tmpfs, tmpfs, noExecRel, "size=10%,mode=755", "running containers: runc keeps its state there"},
		Mount{"/tmp", tmpfs, tmpfs, noExecRel, "size=10%,mode=1777", "temporary files"},
		Mount{"/var", tmpfs, tmpfs, noExecRel, "size=50%,mode=755", "logs of services"},
	}
	steps = append(steps, varTree()...)
	steps = append(steps, Mount{"/dev", "devtmpfs", "dev", unix.MS_NOSUID | unix.MS_NOEXEC | unix.MS_RELATIME, "size=10m,nr_inodes=248418,mode=755", "devices"})
	steps = append(steps, devices()...)
	return append(steps,
		Mount{"/dev/mqueue", "mqueue", "mqueue", noExec, "", "POSIX message queues"},
		Mount{"/dev/shm", tmpfs, "shm", noExec, "mode=1777", "POSIX shared memory"},
		Mount{"/dev/pts", "devpts", "devpts", unix.MS_NOSUID | unix.MS_NOEXEC, "gid=5,mode=0620", "pseudo terminals: nobody can log in"},
		Mount{"/sys", "sysfs", "sysfs", noExec, "", "devices, modules and cgroups"},
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
		Node{"/dev/console", 5, 1, 0o600}, Node{"/dev/tty1", 4, 1, 0o620}, Node{"/dev/tty", 5, 0, 0o666},
		Node{"/dev/null", 1, 3, 0o666}, Node{"/dev/kmsg", 1, 11, 0o660},
		Link{"/dev/fd", "/proc/self/fd"}, Link{"/dev/stdin", "/proc/self/fd/0"}, Link{"/dev/stdout", "/proc/self/fd/1"},
		Link{"/dev/stderr", "/proc/self/fd/2"}, Link{"/dev/kcore", "/proc/kcore"},
	}
}

// Optionals returns the file systems that are mounted where the kernel and the
// machine have them.
func Optionals() []Optional {
	return []Optional{
		{Mount{"/sys/kernel/security", "securityfs", "securityfs", noExec, "", "security modules' files"}},
		{Mount{"/sys/kernel/debug", "debugfs", "debugfs", noExec, "", "the kernel's debug files"}},
		{Mount{"/sys/kernel/config", "configfs", "configfs", noExec, "", "configuring kernel objects"}},
		{Mount{"/sys/fs/fuse/connections", "fusectl", "fusectl", noExec, "", "control of FUSE"}},
		{Mount{"/sys/fs/selinux", "selinuxfs", "selinuxfs", unix.MS_NOSUID | unix.MS_NOEXEC, "", "SELinux"}},
		{Mount{"/sys/fs/pstore", "pstore", "pstore", noExec, "", "crash logs of earlier boots"}},
		{Mount{"/sys/fs/bpf", "bpf", "bpffs", unix.MS_NODEV, "", "pinned BPF objects"}},
		{Mount{"/sys/firmware/efi/efivars", "efivarfs", "efivarfs", noExec, "", "EFI variables"}},
		{Mount{"/proc/sys/fs/binfmt_misc", "binfmt_misc", "binfmt_misc", noExec, "", "programs of other machines"}},
	}
}
