package pid1

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/org/linuxkit-action/fixtures/guest/transcript"
)

// wait limits every wait of the boot tests.
const wait = 60 * time.Second

// guest is a machine: PID 1 in new namespaces.
type guest struct {
	*testing.T
	cmd     *exec.Cmd
	console *transcript.Transcript
}

// image is the files of a machine that are not the host's.
type image struct {
	*testing.T
	dir     string
	bindPID string // where the pid namespace of bundles is bound to
}

// newImage returns an image with this PID 1 and the operator's command.
func newImage(t *testing.T) image {
	t.Helper()
	if _, err := exec.LookPath("runc"); err != nil {
		t.Fatal("needs runc; install Debian's package of that name")
	}
	im := image{T: t, dir: t.TempDir()}
	t.Cleanup(im.removeCgroups)
	im.copy(initBinary, "init")
	im.copy(toolBinary, toolName)
	im.file("etc/init.d/.keep", "", 0o644)
	return im
}

func (im image) file(name, text string, mode os.FileMode) {
	im.Helper()
	path := filepath.Join(im.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		im.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		im.Fatal(err)
	}
}

func (im image) copy(from, name string) {
	im.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		im.Fatal(err)
	}
	im.file(name, string(data), 0o755)
}

// bundle adds a writable container in LinuxKit's layout, which runs the guest program.
func (im image) bundle(section, name string, args ...string) {
	im.Helper()
	dir := "/containers/" + section + "/" + name
	im.copy(guestBinary, dir+"/lower/guest")
	for _, d := range []string{"lower/proc", "lower/dev", "tmp", "rootfs"} {
		if err := os.MkdirAll(filepath.Join(im.dir, dir, d), 0o755); err != nil {
			im.Fatal(err)
		}
	}
	im.file(dir+"/config.json", fmt.Sprintf(`{"ociVersion": "1.2.1",
"process": {"user": {"uid": 0, "gid": 0}, "args": ["/guest", "%s"], "cwd": "/"}, "root": {"path": "rootfs"},
"mounts": [{"destination": "/proc", "type": "proc", "source": "proc"}, {"destination": "/dev", "type": "tmpfs", "source": "tmpfs"}],
"linux": {%s"namespaces": [{"type": "pid"}, {"type": "mount"}]}}`, strings.Join(args, `", "`), im.cgroupsPath(name)), 0o644)
	im.file(dir+"/runtime.json", strings.NewReplacer("DIR", dir, "NSPATH", im.bindPID).Replace(`{"cgroups": [], "mounts": [
{"type": "tmpfs", "source": "tmpfs", "destination": "DIR/tmp"},
{"destination": "DIR/tmp", "options": ["remount", "private"]},
{"type": "overlay", "source": "overlay", "destination": "DIR/rootfs",
 "options": ["lowerdir=DIR/lower", "upperdir=DIR/tmp/upper", "workdir=DIR/tmp/work"]}],
"mkdir": [], "interfaces": [], "bindNS": {"net": "", "pid": "NSPATH"}, "namespace": ""}`), 0o644)
}

// group returns the cgroup of the image's containers.
func (im image) group() string {
	return fmt.Sprintf("pid1-test-%d-%s", os.Getpid(), filepath.Base(filepath.Dir(im.dir)))
}

// cgroupsPath sets the cgroup of a container. An unprivileged user cannot make one, and runc does
// not need it.
func (im image) cgroupsPath(name string) string {
	if os.Getuid() != 0 {
		return ""
	}
	return fmt.Sprintf(`"cgroupsPath": "/%s/%s", `, im.group(), name)
}

// removeCgroups removes the cgroups that runc has made, which remain after a shutdown.
func (im image) removeCgroups() {
	for _, pattern := range []string{"/*", ""} {
		for _, hierarchy := range []string{"/sys/fs/cgroup/*/", "/sys/fs/cgroup/"} {
			dirs, _ := filepath.Glob(hierarchy + im.group() + pattern)
			for _, dir := range dirs {
				if info, err := os.Lstat(dir); err == nil && info.IsDir() {
					_ = os.Remove(dir)
				}
			}
		}
	}
}

// boot boots the machine.
func (im image) boot(env ...string) *guest {
	im.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = slices.Concat(env, []string{envRoot + "=" + im.dir})
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC,
	}
	if uid := os.Getuid(); uid != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: uid, Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	out, err := cmd.StderrPipe()
	if err != nil {
		im.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		im.Fatal(err)
	}
	g := &guest{T: im.T, cmd: cmd, console: transcript.New()}
	im.Cleanup(func() { _ = cmd.Process.Kill() })
	go func() {
		_, _ = io.Copy(g.console, out) // ends with the machine
		g.console.Close()
	}()
	return g
}

// show formats a line: a record without the fields that differ between runs, or "text" and
// the text.
func show(l transcript.Line) string {
	if l.Event == "" {
		return "text " + l.Text
	}
	return l.Text
}

// seen returns the lines up to the last one that a test has waited for.
func (g *guest) seen() []string {
	var lines []string
	for _, l := range g.console.Seen() {
		lines = append(lines, show(l))
	}
	return lines
}

// until waits for a line that begins with text.
func (g *guest) until(text string) transcript.Line {
	g.Helper()
	line, err := g.console.WaitFunc(wait, text, func(l transcript.Line) bool { return strings.HasPrefix(show(l), text) })
	if err != nil {
		g.Fatalf("%v; seen:\n%s", err, strings.Join(g.seen(), "\n"))
	}
	return line
}

// untilText waits for text on the console, which may arrive before the records that were sent
// earlier.
func (g *guest) untilText(text string) {
	g.Helper()
	if g.count("text "+text) == 0 {
		g.until("text " + text)
	}
}

func (g *guest) signal(s syscall.Signal) {
	g.Helper()
	if err := g.cmd.Process.Signal(s); err != nil {
		g.Fatal(err)
	}
}

// checkExit waits for the end of the machine and checks its signal, which is that of reboot(2) in a
// pid namespace: SIGINT for power off and halt, SIGHUP for reboot.
func (g *guest) checkExit(want syscall.Signal) {
	g.Helper()
	err := g.cmd.Wait()
	if status, ok := g.cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || !status.Signaled() || status.Signal() != want {
		g.Errorf("the machine ended with %v, want %v", err, want)
	}
}
