package pid1

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/org/linuxkit-action/internal/pid1/containerd"
)

// The boot tests run the real binary as PID 1 of new namespaces, with the real runc, in a
// root that bind mounts the host's programs. They change nothing outside of it.

const (
	envRoot  = "PID1_TEST_ROOT"  // set: this process becomes PID 1
	envHide  = "PID1_TEST_HIDE"  // a file to hide
	envTasks = "PID1_TEST_TASKS" // set: services run in containerd; else the host's containerd is hidden
	envArgs  = "PID1_TEST_ARGS"  // set: the arguments of PID 1, with envLevel as INIT_LOG_LEVEL
	envLevel = "PID1_TEST_LEVEL"
)

var initBinary, toolBinary, guestBinary string

func TestMain(m *testing.M) {
	if root := os.Getenv(envRoot); root != "" {
		becomePID1(root)
	}
	os.Exit(runTests(m))
}

func runTests(m *testing.M) int {
	dir, err := os.MkdirTemp("", "pid1")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	initBinary, toolBinary, guestBinary = filepath.Join(dir, "init"), filepath.Join(dir, toolName), filepath.Join(dir, "guest")
	for path, pkg := range map[string]string{
		initBinary: "../../cmd/init", toolBinary: "../../cmd/linuxkit-init", guestBinary: "./testdata/guest",
	} {
		cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", path, pkg)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			panic(string(out))
		}
	}
	return m.Run()
}

// becomePID1 makes the root of a machine from the files in dir and the host's programs, and
// executes its PID 1.
func becomePID1(dir string) {
	const root = "/tmp/root" // in a tmpfs of this mount namespace
	source, err := os.OpenRoot(dir)
	must(err)
	must(unix.Mount("", "/", "", unix.MS_PRIVATE|unix.MS_REC, ""))
	must(unix.Mount("tmpfs", "/tmp", "tmpfs", 0, ""))
	must(os.CopyFS(root, source.FS()))
	must(unix.Mount(root, root, "", unix.MS_BIND, "")) // pivot_root(2) needs a mount
	for _, d := range []string{"/usr", "/bin", "/sbin", "/lib", "/lib64", "/sys", "/dev"} {
		bindFromHost(d, root+d)
	}
	for _, d := range []string{"/proc", "/run", "/var/log"} {
		must(os.MkdirAll(root+d, 0o755))
	}
	must(unix.Mount("proc", root+"/proc", "proc", 0, ""))
	for _, path := range hiddenFiles() {
		must(unix.Mount("/dev/null", root+path, "", unix.MS_BIND, ""))
	}
	must(unix.Chroot(root))
	must(unix.Chdir("/"))
	args, level := []string{"/init"}, "debug"
	if words, set := os.LookupEnv(envArgs); set {
		args, level = append(args, strings.Fields(words)...), os.Getenv(envLevel)
	}
	must(syscall.Exec("/init", args, []string{"INIT_LOG_LEVEL=" + level}))
}

// hiddenFiles returns the host's files that are hidden in the machine.
func hiddenFiles() (paths []string) {
	if hide := os.Getenv(envHide); hide != "" {
		paths = append(paths, hide)
	}
	if os.Getenv(envTasks) == "" && containerd.Stock.Exists() {
		paths = append(paths, containerd.Stock.Daemon)
	}
	return paths
}

// bindFromHost bind mounts a directory of the host, or copies a link, to the other root.
func bindFromHost(path, to string) {
	if target, err := os.Readlink(path); err == nil {
		must(os.Symlink(target, to))
		return
	}
	if _, err := os.Stat(path); err != nil {
		return // /lib64 is not everywhere
	}
	must(os.Mkdir(to, 0o755))
	must(unix.Mount(path, to, "", unix.MS_BIND|unix.MS_REC, ""))
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
