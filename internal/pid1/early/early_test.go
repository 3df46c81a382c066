package early

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/org/linuxkit-action/internal/pid1/config"
)

// table is Steps as shell commands for 1000 MiB of available memory. LinuxKit's rc.init does the
// same, except for the sizes, and that it gives /var/tmp mode 0755 by mistake.
const table = `mount -t tmpfs -o nosuid,nodev,noexec,relatime,size=102400k,mode=755 tmpfs /run
mount -t tmpfs -o size=204800k,mode=700 tmpfs /run/linuxkit-init/scratch
mount -t tmpfs -o nosuid,nodev,noexec,relatime,size=102400k,mode=1777 tmpfs /tmp
mount -t tmpfs -o nosuid,nodev,noexec,relatime,size=307200k,mode=755 tmpfs /var
mkdir -m 0755 /var/cache
mkdir -m 0555 /var/empty
mkdir -m 0755 /var/lib
mkdir -m 0755 /var/local
mkdir -m 0755 /var/lock
mkdir -m 0755 /var/log
mkdir -m 0755 /var/opt
mkdir -m 0755 /var/spool
mkdir -m 01777 /var/tmp
ln -s /run /var/run
mount -t devtmpfs -o nosuid,noexec,relatime,size=10m,nr_inodes=248418,mode=755 dev /dev
mknod -m 0600 /dev/console c 5 1
mknod -m 0620 /dev/tty1 c 4 1
mknod -m 0666 /dev/tty c 5 0
mknod -m 0666 /dev/null c 1 3
mknod -m 0660 /dev/kmsg c 1 11
ln -s /proc/self/fd /dev/fd
ln -s /proc/self/fd/0 /dev/stdin
ln -s /proc/self/fd/1 /dev/stdout
ln -s /proc/self/fd/2 /dev/stderr
ln -s /proc/kcore /dev/kcore
mount -t mqueue -o nosuid,nodev,noexec mqueue /dev/mqueue
mount -t tmpfs -o nosuid,nodev,noexec,size=102400k,mode=1777 shm /dev/shm
mount -t devpts -o nosuid,noexec,gid=5,mode=0620 devpts /dev/pts
mount -t sysfs -o nosuid,nodev,noexec sysfs /sys
`

func TestSizesOfTmpfsAreBelowTheMemory(t *testing.T) {
	t.Parallel()
	d, sum := config.Default().Tmpfs, 0
	for _, s := range []config.Size{d.Run, d.Tmp, d.Var, d.Shm, d.Containers} {
		sum += s.Percent
	}
	if sum != 80 {
		t.Errorf("%d %%, want 80 %% of the available memory", sum)
	}
	for text, want := range map[string]int64{
		"": fallbackMemory, "MemTotal: 1 kB\nMemAvailable:    2048 kB\n": 2 << 20, "MemAvailable: x kB\n": fallbackMemory,
		"MemAvailable:": fallbackMemory,
	} {
		if got := availableMemory(text); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
	d.Var, d.Shm = config.Size{Percent: 50}, config.Size{Bytes: 64 << 20}
	steps := Resize(d, 1<<30)
	const want = "mount -o remount,size=524287k /var\nmount -o remount,size=65536k /dev/shm\n"
	if got := text(steps); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestStepsAreThoseOfLinuxKit(t *testing.T) {
	t.Parallel()
	if got := text(Steps(1000 << 20)); got != table {
		t.Errorf("got\n%s\nwant\n%s", got, table)
	}
}

// optionals is Optionals as shell commands.
const optionals = `mount -t securityfs -o nosuid,nodev,noexec securityfs /sys/kernel/security
mount -t debugfs -o nosuid,nodev,noexec debugfs /sys/kernel/debug
mount -t configfs -o nosuid,nodev,noexec configfs /sys/kernel/config
mount -t fusectl -o nosuid,nodev,noexec fusectl /sys/fs/fuse/connections
mount -t selinuxfs -o nosuid,noexec selinuxfs /sys/fs/selinux
mount -t pstore -o nosuid,nodev,noexec pstore /sys/fs/pstore
mount -t bpf -o nodev bpffs /sys/fs/bpf
mount -t efivarfs -o nosuid,nodev,noexec efivarfs /sys/firmware/efi/efivars
mount -t binfmt_misc -o nosuid,nodev,noexec binfmt_misc /proc/sys/fs/binfmt_misc
`

func TestOptionalsAreThoseOfLinuxKit(t *testing.T) {
	t.Parallel()
	var steps []Step
	for _, o := range Optionals() {
		steps = append(steps, o.Mount)
	}
	if got := text(steps); got != optionals {
		t.Errorf("got\n%s\nwant\n%s", got, optionals)
	}
}

func text(steps []Step) string {
	var b strings.Builder
	for _, s := range steps {
		b.WriteString(s.String() + "\n")
	}
	return b.String()
}

func TestEveryStepHasAnImpact(t *testing.T) {
	t.Parallel()
	steps := append(Steps(1000<<20), Cgroups(true)...)
	for _, o := range Optionals() {
		steps = append(steps, o)
	}
	for _, s := range append(steps, Cgroups(false)...) {
		if s.Impact() == "" {
			t.Errorf("%s: no impact", s)
		}
	}
}

func TestCgroupV1MountsEnabledControllers(t *testing.T) {
	t.Parallel()
	const proc = "#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpuset\t0\t1\t1\nmemory\t0\t1\t1\nrdma\t0\t1\t0\nbroken\n"
	const want = `mount -t tmpfs -o nosuid,nodev,noexec,size=10m,mode=755 cgroup_root /sys/fs/cgroup
mount -t cgroup -o nosuid,nodev,noexec,cpuset cpuset /sys/fs/cgroup/cpuset
mount -t cgroup -o nosuid,nodev,noexec,memory memory /sys/fs/cgroup/memory
echo 1 > /sys/fs/cgroup/memory/memory.use_hierarchy
mount -t cgroup -o nosuid,nodev,noexec,none,name=systemd cgroup /sys/fs/cgroup/systemd
`
	if got := text(cgroupsV1(proc)); got != want {
		t.Errorf("got\n%s", got)
	}
	if got := text(Cgroups(true)); got != "mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 /sys/fs/cgroup\n" {
		t.Errorf("version 2: %s", got)
	}
}

func TestStepsAreIdempotent(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	steps := []Step{
		Dir{dir + "/a/b", 0o1777}, Link{dir + "/link", "/run"}, Touch{dir + "/x/y/file"},
	}
	for range 2 {
		for _, s := range steps {
			if err := s.Do(); err != nil {
				t.Errorf("%s: %v", s, err)
			}
		}
	}
	var st unix.Stat_t
	if err := unix.Stat(dir+"/a/b", &st); err != nil || st.Mode&0o7777 != 0o1777 {
		t.Errorf("mode %o, want 1777, error %v", st.Mode&0o7777, err)
	}
	if target, _ := os.Readlink(dir + "/link"); target != "/run" {
		t.Errorf("link to %q", target)
	}
	if _, err := os.Stat(dir + "/x/y/file"); err != nil {
		t.Error(err)
	}
}

func TestStepErrorsContainThePath(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, s := range []Step{
		Mount{Target: file + "/x", Type: "tmpfs"}, Mount{Target: t.TempDir(), Type: "nosuchfs"},
		Dir{file + "/x", 0o755}, Node{Path: file + "/x", Major: 1, Minor: 3, Mode: 0o666}, Touch{file + "/x"}, Link{file + "/x", "y"},
	} {
		if err := s.Do(); err == nil || !strings.Contains(err.Error(), "/") {
			t.Errorf("%s: error %v", s, err)
		}
	}
}

func TestOptionalSkipsUnsupportedMounts(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]Optional{
		"no mount point":  {Mount{Target: "/no/such/directory", Type: "proc"}},
		"unknown type":    {Mount{Target: t.TempDir(), Type: "nosuchfs"}},
		"already mounted": {Mount{Target: "/proc", Type: "proc"}},
	} {
		if err := o.Do(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for kind, want := range map[string]bool{"nosuchfs": true, "proc": false} {
		if got := (Optional{Mount{Target: "/", Type: kind}}).NeedsModule(); got != want {
			t.Errorf("NeedsModule of %s is %v", kind, got)
		}
	}
}

func TestHostName(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ configured, current, mac, want string }{
		"configured":              {configured: "web1", current: "(none)", mac: "52:54:00:12:34:56", want: "web1"},
		"configured over current": {configured: "web1", current: "dhcp", want: "web1"},
		"from the MAC address":    {current: "(none)", mac: "52:54:00:12:34:56", want: "linuxkit-525400123456"},
		"current is kept":         {current: "dhcp", mac: "52:54:00:12:34:56"},
		"no interface":            {current: "(none)"},
	} {
		if got := hostName(tt.configured, tt.current, tt.mac); got != tt.want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestInContainer(t *testing.T) {
	t.Parallel()
	if !InContainer() {
		t.Error("/proc is mounted here, but InContainer is false")
	}
}
