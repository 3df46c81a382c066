package pid1

import (
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/org/linuxkit-action/internal/pid1/control"
	"github.com/org/linuxkit-action/internal/pid1/logs"
)

// inside returns where a file of the machine is, seen from here.
func (g *guest) inside(path string) string {
	return "/proc/" + strconv.Itoa(g.cmd.Process.Pid) + "/root" + path
}

// run runs a program in the machine, and returns what it says and its exit code.
func (g *guest) run(args ...string) (string, int) {
	g.Helper()
	enter := []string{"--target", strconv.Itoa(g.cmd.Process.Pid), "--mount", "--pid", "--root", "--wd"}
	if os.Getuid() != 0 {
		enter = append(enter, "--user", "--preserve-credentials")
	}
	cmd := exec.Command("nsenter", append(append(enter, "--"), args...)...)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		g.Fatalf("needs nsenter; install util-linux: %v", err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// says checks what a command of the operator answers.
func (g *guest) says(want string, code int, args ...string) {
	g.Helper()
	if out, got := g.run(append([]string{"/init"}, args...)...); out != want || got != code {
		g.Errorf("%s: exit %d, %q, want exit %d, %q", args, got, out, code, want)
	}
}

// down ends the machine, whose end may be quicker than the client's.
func (g *guest) down(verb string) {
	g.Helper()
	if out, code := g.run("/init", verb); out != "" || code > 0 {
		g.Errorf("%s: exit %d, %q", verb, code, out)
	}
}

// row returns the fields of the line in the status that begins with name.
func (g *guest) row(name string) []string {
	g.Helper()
	out, code := g.run("/init", "status")
	for line := range strings.Lines(out) {
		if fields := strings.Fields(line); len(fields) > 0 && fields[0] == name {
			return fields
		}
	}
	g.Fatalf("exit %d, no %s in %q", code, name, out)
	return nil
}

func TestAnOperatorControlsServices(t *testing.T) {
	t.Parallel()
	im := newImage(t)
	im.bundle("onboot", "000-hello", "say", "hello")
	im.bundle("services", "web", "stay", "0")
	g := im.boot()
	g.until("milestone name=ready")
	if row := strings.Join(g.row("hello"), " "); row != "hello exit 0" {
		t.Errorf("onboot: %s", row)
	}
	before := g.row("web")
	if pid, err := strconv.Atoi(before[2]); before[1] != "ready" || err != nil || pid < 2 || before[5] != "-" {
		t.Errorf("service: %q", before)
	}
	g.says("web: ready\n", 0, "start", "web")
	g.says("web: stopped, code 0\n", 0, "stop", "web")
	g.until("state phase=ready onboot=hello:0 services=web:stopped:0")
	g.says("web: stopped, code 0\n", 0, "stop", "web")
	g.says("web: ready\n", 0, "start", "web")
	g.says("web: ready\n", 0, "restart", "web")
	if after := g.row("web"); after[1] != "ready" || after[2] == before[2] || after[3] != "0" {
		t.Errorf("restarted: %q, before %q", after, before)
	}
	g.says("wbb: there is no such service; did you mean web?\n", 1, "stop", "wbb")
	g.says("stop what? Name a service; status lists them\n", 2, "stop")
	g.says("==> /run/log/onboot/onboot.000-hello.log <==\n\n==> /run/log/onboot/onboot.000-hello.out.log <==\nhello\n", 0, "logs", "hello")
	g.says("linuxkit-init: helo: there is no log of that name; did you mean hello?\n", 1, "logs", "helo")
	if out, code := g.run("/init", "logs"); code != 0 || !strings.HasPrefix(out, "linuxkit-init: 1 start version=dev") || !strings.Contains(out, " exited service=web code=0 ") {
		t.Errorf("logs: exit %d, %s", code, out)
	}
	g.says("poweroff does not know -x; see linuxkit-init help\n", 2, "poweroff", "-x")
	g.down("poweroff")
	g.until("shutdown how=poweroff cause=operator")
	if bye := g.until("bye how=poweroff"); bye.Get("stopped") != "1" || bye.Get("killed") != "0" {
		t.Errorf("%s", show(bye))
	}
	g.over(syscall.SIGINT)
}

func TestBlameAddsUpToTheWholeBoot(t *testing.T) {
	t.Parallel()
	im := newImage(t)
	im.bundle("onboot", "000-one", "say", "one")
	im.bundle("onboot", "001-two", "say", "two")
	im.bundle("services", "a", "stay", "0")
	im.bundle("services", "b", "stay", "0")
	im.bundle("services", "c", "stay", "0")
	im.file("etc/init.d/000-slow", "#!/bin/sh\nsleep 0.3\n", 0o755)
	g := im.boot()
	r := g.until("blame total=")
	total, err := strconv.Atoi(r.Get("total"))
	if items := r.Get("items"); err != nil || sum(t, items) != total || !strings.HasPrefix(items, "s") || !strings.Contains(items, ",onboot/two:") || !strings.Contains(items, "service/") {
		t.Errorf("%s: total %d, %v", items, total, err)
	}
	out, code := g.run("/init", "blame")
	parts, _, found := strings.Cut(out, "sum\n")
	lines := strings.Split(strings.TrimSpace(parts), "\n")
	if code != 0 || !found || lines[0] != r.Get("total")+" ms until all services were ready" {
		t.Fatalf("exit %d, %s", code, out)
	}
	for i, line := range lines[3:] {
		fields := strings.Fields(line)
		took, err := strconv.Atoi(fields[0])
		if i == len(lines)-4 {
			break // the sum
		}
		if total -= took; err != nil {
			t.Errorf("%q: %v", line, err)
		}
	}
	if total != 0 {
		t.Errorf("%d ms are missing or too much in\n%s", total, out)
	}
	g.down("halt")
	g.until("bye how=halt")
	g.over(syscall.SIGINT)
}

func TestAnOperatorSeesABootThatHangs(t *testing.T) {
	t.Parallel()
	im := newImage(t)
	im.bundle("onboot", "000-hang", "deaf", "")
	if err := os.Symlink("/init", filepath.Join(im.dir, ownName)); err != nil {
		t.Fatal(err)
	}
	im.bundle("services", "web", "stay", "0")
	g := im.boot()
	g.until("state phase=onboot onboot=hang:running")
	if row := strings.Join(g.row("hang"), " "); row != "hang running" {
		t.Errorf("status: %s", row)
	}
	if out, code := g.run("/init", "blame"); code != 0 || !strings.Contains(out, " ms, and the boot is not over\n") || !strings.Contains(out, "  onboot\n") {
		t.Errorf("blame: exit %d, %s", code, out)
	}
	if out, code := g.run("unshare", "--pid", "--fork", "/linuxkit-init", "status"); code != 0 || !strings.Contains(out, "\nhang    running\n") {
		t.Errorf("as the first process of a container: exit %d, %s", code, out)
	}
	g.says("services are not started yet: the boot is at onboot\n", 1, "start", "web")
	g.down("reboot")
	g.until("shutdown how=reboot cause=operator")
	g.until("bye how=reboot")
	g.over(syscall.SIGHUP)
}

func TestAFailedServiceIsStartedByHand(t *testing.T) {
	t.Parallel()
	im := newImage(t)
	im.bundle("services", "bad", "fail", "4")
	g := im.boot()
	g.until("failed service=bad reason=code 4; started 5 times")
	g.says("bad: exited, code 4\n", 1, "start", "bad")
	g.until("failed service=bad reason=code 4; started 5 times")
	if row := g.row("bad"); row[1] != "failed" || strings.Join(row[5:], " ") != "code 4" {
		t.Errorf("%q", row)
	}
	g.down("poweroff")
	g.until("bye how=poweroff")
	g.over(syscall.SIGINT)
}

func TestWithoutAKernelThereIsNoKexec(t *testing.T) {
	t.Parallel()
	im := newImage(t)
	if err := os.Symlink("/init", filepath.Join(im.dir, "reboot")); err != nil {
		t.Fatal(err)
	}
	g := im.boot()
	g.until("milestone name=ready")
	const refused = "no kernel is loaded; load one with kexec -l of kexec-tools\n"
	g.says(refused, 1, "kexec")
	g.says("linuxkit-init: "+refused, 1, "kexec", "-f")
	if out, code := g.run("/reboot", "-k"); out != refused || code != 1 {
		t.Errorf("reboot -k: exit %d, %q", code, out)
	}
	g.signal(40) // SIGRTMIN+6
	g.until("log level=error msg=no kernel is loaded; load one with kexec -l of kexec-tools; without it: kexec by SIGRTMIN+6")
	if err := os.Remove(g.inside(control.Path)); err != nil {
		t.Fatal(err)
	}
	if out, code := g.run("/init", "status"); code != 1 || !strings.Contains(out, control.Path+": no such file or directory") {
		t.Errorf("without a socket: exit %d, %q", code, out)
	}
	if out, code := g.run("/reboot"); code > 0 || out != "" { // by a signal
		t.Errorf("reboot: exit %d, %q", code, out)
	}
	g.until("shutdown how=reboot cause=SIGTERM")
	g.until("bye how=reboot")
	g.over(syscall.SIGHUP)
}

func TestHostileClientsDoNotHoldUpTheMachine(t *testing.T) {
	t.Parallel()
	im := newImage(t)
	im.bundle("services", "web", "stay", "0")
	g := im.boot()
	g.until("milestone name=ready")
	for i := range 50 {
		conn, err := net.DialTimeout("unix", g.inside(control.Path), wait)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		switch i % 3 {
		case 0: // says nothing
		case 1:
			_ = conn.SetDeadline(time.Now().Add(time.Millisecond))
			_, _ = conn.Write([]byte(strings.Repeat("x", 1<<20))) // is cut off
		case 2:
			_, _ = conn.Write([]byte("stop web")) // and leaves
			_ = conn.Close()
		}
	}
	g.says("web: ready\n", 0, "start", "web")
	g.signal(syscall.SIGUSR2)
	g.until("bye how=poweroff")
	g.over(syscall.SIGINT)
}

func TestLogsGoToLinuxKitsLoggerWhereThereIsOne(t *testing.T) {
	t.Parallel()
	im := newImage(t)
	im.bundle("onboot", "000-hello", "say", "hello")
	im.bundle("services", "web", "fail", "0")
	im.file("var/run/.keep", "", 0o644)
	im.file("etc/init.d/000-wait", "#!/bin/sh\necho here >&2\nn=0; while [ ! -e /run/go ] && [ $n -lt 1000 ]; do n=$((n+1)); sleep 0.02; done\n", 0o755)
	g := im.boot()
	g.hears("here")
	logger, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: g.inside(logs.Logger), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer logger.Close()
	if err := os.WriteFile(g.inside("/run/go"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for range 4 {
		name, text := receive(t, logger)
		got[name] = text
	}
	for name, want := range map[string]string{"onboot.000-hello": "", "onboot.000-hello.out": "hello\n"} {
		if got[name] != want {
			t.Errorf("%s: %q, want %q; of %q", name, got[name], want, got)
		}
	}
	g.until("milestone name=ready")
	g.says("linuxkit-init: web: there is no log of that name; the machine has a logging daemon, which may have it: try logread\n", 1, "logs", "web")
	if matches, _ := filepath.Glob(g.inside("/run/log/onboot/*.log")); len(matches) > 0 {
		t.Errorf("files beside the logger: %q", matches)
	}
	g.signal(syscall.SIGUSR2)
	g.until("bye how=poweroff")
	g.over(syscall.SIGINT)
}

// receive takes one log from the machine: its name, and for an onboot container all that is in it.
func receive(t *testing.T, logger *net.UnixConn) (string, string) {
	t.Helper()
	if err := logger.SetDeadline(time.Now().Add(wait)); err != nil {
		t.Fatal(err)
	}
	name, oob := make([]byte, 512), make([]byte, 512)
	n, oobn, _, _, err := logger.ReadMsgUnix(name, oob)
	if err != nil {
		t.Fatal(err)
	}
	messages, err := syscall.ParseSocketControlMessage(oob[:oobn])
	if err != nil {
		t.Fatal(err)
	}
	fds, err := syscall.ParseUnixRights(&messages[0])
	if err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fds[0]), "log")
	if !strings.HasPrefix(string(name[:n]), "onboot.") {
		t.Cleanup(func() { _ = f.Close() }) // a service's log ends with PID 1
		return string(name[:n]), ""
	}
	defer f.Close()
	text, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return string(name[:n]), string(text)
}
