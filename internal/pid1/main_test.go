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

// The tests that boot run the real binary as the first process of new
// namespaces, with the real runc, in a root of their own that borrows this
// machine's programs. Nothing outside is touched.

const (
	stageRoot  = "PID1_TEST_ROOT"  // set: this process is the one that becomes PID 1
	stageHide  = "PID1_TEST_HIDE"  // a file to hide
	stageTasks = "PID1_TEST_TASKS" // set: services are containerd's; else this machine's containerd is hidden
	stageArgs  = "PID1_TEST_ARGS"  // set: the arguments of PID 1, which then has no INIT_LOG_LEVEL but stageLevel
	stageLevel = "PID1_TEST_LEVEL"
)

var initBinary, guestBinary string

func TestMain(m *testing.M) {
	if root := os.Getenv(stageRoot); root != "" {
		stage(root)
	}
	os.Exit(runTests(m))
}

func runTests(m *testing.M) int {
	dir, err := os.MkdirTemp("", "pid1")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	initBinary, guestBinary = filepath.Join(dir, "init"), filepath.Join(dir, "guest")
	for path, pkg := range map[string]string{initBinary: "../../cmd/init", guestBinary: "./testdata/guest"} {
		cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", path, pkg)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			panic(string(out))
		}
	}
	return m.Run()
}

// stage makes the root of a machine from the files in dir and this machine's
// programs, and becomes its PID 1.
func stage(dir string) {
	const root = "/tmp/root" // in a tmpfs that only this process sees
	source, err := os.OpenRoot(dir)
	must(err)
	must(unix.Mount("", "/", "", unix.MS_PRIVATE|unix.MS_REC, ""))
	must(unix.Mount("tmpfs", "/tmp", "tmpfs", 0, ""))
	must(os.CopyFS(root, source.FS()))
	must(unix.Mount(root, root, "", unix.MS_BIND, "")) // a root that can be pivoted away from
	for _, d := range []string{"/usr", "/bin", "/sbin", "/lib", "/lib64", "/sys", "/dev"} {
		borrow(d, root+d)
	}
	for _, d := range []string{"/proc", "/run", "/var/log"} {
		must(os.MkdirAll(root+d, 0o755))
	}
	must(unix.Mount("proc", root+"/proc", "proc", 0, ""))
	for _, path := range hidden() {
		must(unix.Mount("/dev/null", root+path, "", unix.MS_BIND, ""))
	}
	must(unix.Chroot(root))
	must(unix.Chdir("/"))
	args, level := []string{"/init"}, "debug"
	if words, set := os.LookupEnv(stageArgs); set {
		args, level = append(args, strings.Fields(words)...), os.Getenv(stageLevel)
	}
	must(syscall.Exec("/init", args, []string{"INIT_LOG_LEVEL=" + level}))
}

// hidden returns the files of this machine that the other one is not to have.
func hidden() (paths []string) {
	if hide := os.Getenv(stageHide); hide != "" {
		paths = append(paths, hide)
	}
	if os.Getenv(stageTasks) == "" && containerd.Stock.Exists() {
		paths = append(paths, containerd.Stock.Daemon)
	}
	return paths
}

// borrow makes a directory of this machine, or the link that stands for it,
// appear in the other root.
func borrow(path, to string) {
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
