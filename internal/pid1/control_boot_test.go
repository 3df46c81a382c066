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

// run runs a program in the machine, and returns its output and exit code.
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

// checkCommand checks the output and exit code of a command of the operator.
func (g *guest) checkCommand(want string, code int, args ...string) {
	g.Helper()
	if out, got := g.run(append([]string{"/" + toolName}, args...)...); out != want || got != code {
		g.Errorf("%s: exit %d, %q, want exit %d, %q", args, got, out, code, want)
	}
}

// shutDown shuts down by a command, which may be killed before it exits.
func (g *guest) shutDown(verb string) {
	g.Helper()
	if out, code := g.run("/"+toolName, verb); out != "" || code > 0 {
		g.Errorf("%s: exit %d, %q", verb, code, out)
	}
}

// row returns the fields of the status line that begins with name.
func (g *guest) row(name string) []string {
	g.Helper()
	out, code := g.run("/"+toolName, "status")
	for line := range strings.Lines(out) {
		if fields := strings.Fields(line); len(fields) > 0 && fields[0] == name {
			return fields
		}
	}
	g.Fatalf("exit %d, no %s in %q", code, name, out)
	return nil
}

func TestOperatorCommands(t *testing.T) {
	t.Parallel()
	im := newImage(t)
	im.bundle("onboot", "000-hello", "echo", "hello")
	im.bundle("services", "web", "stay", "0")
	g := im.boot()
	g.until("milestone name=ready")
	if row := strings.Join(g.row("hello"), " "); row != "hello exit 0" {
		t.Errorf("onboot: %s", row)
	}
	before := g.row("web")
	if pid, err := strconv.Atoi(before[2]); before[1] != "ready" || err != nil || pid < 2 || before[6] != "-" {
		t.Errorf("service: %q", before)
	}
	g.checkCommand("web: ready\n", 0, "start", "web")
	g.checkCommand("web: stopped, code 0\n", 0, "stop", "web")
	g.until("state phase=ready onboot=hello:0 services=web:stopped:0")
	g.checkCommand("web: stopped, code 0\n", 0, "stop", "web")
	g.checkCommand("web: ready\n", 0, "start", "web")
	g.checkCommand("web: ready\n", 0, "restart", "web")
	if after := g.row("web"); after[1] != "ready" || after[2] == before[2] || after[3] != "0" {
		t.Errorf("restarted: %q, before %q", after, before)
	}
	g.checkCommand("wbb: no such service; did you mean web?\n", 1, "stop", "wbb")
	g.checkCommand("stop: no service named; linuxkit-init status lists the services\n", 2, "stop")
	g.checkCommand("==> /run/log/onboot/onboot.000-hello.log <==\n\n"+
		"==> /run/log/onboot/onboot.000-hello.out.log <==\nhello\n", 0, "logs", "hello")
	g.checkCommand("linuxkit-init: helo: no log with this name; did you mean hello?\n", 1, "logs", "helo")
	out, code := g.run("/"+toolName, "logs")
	if code != 0 || !strings.HasPrefix(out, "linuxkit-init: 1 start version=dev") || !strings.Contains(out, " exited service=web code=0 ") {
		t.Errorf("logs: exit %d, %s", code, out)
	}
	g.checkCommand("poweroff: unknown option -x; see linuxkit-init help\n", 2, "poweroff", "-x")
	g.shutDown("poweroff")
	g.until("shutdown how=poweroff cause=operator")
	if bye := g.until("bye how=poweroff"); bye.Get("stopped") != "1" || bye.Get("killed") != "0" {
		t.Errorf("%s", show(bye))
	}
	g.checkExit(syscall.SIGINT)
}

func TestBlameAddsUp(t *testing.T) {
	t.Parallel()
	im := newImage(t)
	im.bundle("onboot", "000-one", "echo", "one")
	im.bundle("onboot", "001-two", "echo", "two")
	im.bundle("services", "a", "stay", "0")
	im.bundle("services", "b", "stay", "0")
	im.bundle("services", "c", "stay", "0")
	im.file("etc/init.d/000-slow", "#!/bin/sh\nsleep 0.3\n", 0o755)
	g := im.boot()
	r := g.until("blame total=")
	total, err := strconv.Atoi(r.Get("total"))
	items := r.Get("items")
	if err != nil || sum(t, items) != total || !strings.HasPrefix(items, "s") ||
		!strings.Contains(items, ",onboot/two:") || !strings.Contains(items, "service/") {
		t.Errorf("%s: total %d, %v", items, total, err)
	}
	out, code := g.run("/"+toolName, "blame")
	parts, _, found := strings.Cut(out, "total\n")
	lines := strings.Split(strings.TrimSpace(parts), "\n")
	if code != 0 || !found || lines[0] != r.Get("total")+" ms until all services were ready" {
		t.Fatalf("exit %d, %s", code, out)
	}
	for i, line := range lines[3:] {
		fields := strings.Fields(line)
		took, err := strconv.Atoi(fields[0])
		if i == len(lines)-4 {
			break // the total
		}
		if total -= took; err != nil {
			t.Errorf("%q: %v", line, err)
		}
	}
	if total != 0 {
		t.Errorf("the spans differ from the total by %d ms:\n%s", total, out)
	}
	g.shutDown("halt")
	g.until("bye how=halt")
	g.checkExit(syscall.SIGINT)
}

func TestStatusDuringBoot(t *testing.T) {
	t.Parallel()
	im := newImage(t)
	im.bundle("onboot", "000-hang", "ignoreTERM", "")
	im.bundle("services", "web", "stay", "0")
	g := im.boot()
	g.until("state phase=onboot onboot=hang:running")
	if row := strings.Join(g.row("hang"), " "); row != "hang running" {
		t.Errorf("status: %s", row)
	}
	out, code := g.run("/"+toolName, "blame")
	if code != 0 || !strings.Contains(out, " ms, boot in progress\n") || !strings.Contains(out, "  onboot\n") {
		t.Errorf("blame: exit %d, %s", code, out)
	}
	out, code = g.run("unshare", "--pid", "--fork", "/linuxkit-init", "status")
	if code != 0 || !strings.Contains(out, "\nhang    running\n") {
		t.Errorf("as PID 1 of a container: exit %d, %s", code, out)
	}
	g.checkCommand("services are not started yet; the boot is in phase onboot\n", 1, "start", "web")
	g.shutDown("reboot")
	g.until("shutdown how=reboot cause=operator")
	g.until("bye how=reboot")
	g.checkExit(syscall.SIGHUP)
}

func TestStartFailedService(t *testing.T) {
	t.Parallel()
	im := newImage(t)
	im.bundle("services", "bad", "fail", "4")
	g := im.boot()
	g.until("failed service=bad reason=code 4; started 5 times")
	g.checkCommand("bad: exited, code 4\n", 1, "start", "bad")
	g.until("failed service=bad reason=code 4; started 5 times")
	if row := g.row("bad"); row[1] != "failed" || strings.Join(row[6:], " ") != "code 4" {
		t.Errorf("%q", row)
	}
	g.shutDown("poweroff")
	g.until("bye how=poweroff")
	g.checkExit(syscall.SIGINT)
}

func TestKexecWithoutKernel(t *testing.T) {
	t.Parallel()
	im := newImage(t)
	if err := os.Symlink(toolName, filepath.Join(im.dir, "reboot")); err != nil {
		t.Fatal(err)
	}
	g := im.boot()
	g.until("milestone name=ready")
	const refused = "no kernel is loaded; load one with kexec -l of kexec-tools\n"
	g.checkCommand(refused, 1, "kexec")
	g.checkCommand("linuxkit-init: "+refused, 1, "kexec", "-f")
	if out, code := g.run("/reboot", "-k"); out != refused || code != 1 {
		t.Errorf("reboot -k: exit %d, %q", code, out)
	}
	g.signal(40) // SIGRTMIN+6
	g.until("log level=error msg=no kernel is loaded; load one with kexec -l of kexec-tools; affects: kexec by SIGRTMIN+6")
	if err := os.Remove(g.path(control.Path)); err != nil {
		t.Fatal(err)
	}
	if out, code := g.run("/"+toolName, "status"); code != 1 || !strings.Contains(out, control.Path+": no such file or directory") {
		t.Errorf("without a socket: exit %d, %q", code, out)
	}
	if out, code := g.run("/reboot"); code > 0 || out != "" { // by a signal
		t.Errorf("reboot: exit %d, %q", code, out)
	}
	g.until("shutdown how=reboot cause=SIGTERM")
	g.until("bye how=reboot")
	g.checkExit(syscall.SIGHUP)
}

func TestHostileControlClients(t *testing.T) {
	t.Parallel()
	im := newImage(t)
	im.bundle("services", "web", "stay", "0")
	g := im.boot()
	g.until("milestone name=ready")
	for i := range 50 {
		conn, err := net.DialTimeout("unix", g.path(control.Path), wait)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		switch i % 3 {
		case 0: // sends nothing
		case 1:
			_ = conn.SetDeadline(time.Now().Add(time.Millisecond))
			_, _ = conn.Write([]byte(strings.Repeat("x", 1<<20))) // too long
		case 2:
			_, _ = conn.Write([]byte("stop web")) // disconnects in the middle of a line
			_ = conn.Close()
		}
	}
	g.checkCommand("web: ready\n", 0, "start", "web")
	g.powerOff()
}

func TestLogsGoToLoggingDaemon(t *testing.T) {
	t.Parallel()
	im := newImage(t)
	im.bundle("onboot", "000-hello", "echo", "hello")
	im.bundle("services", "web", "fail", "0")
	im.file("var/run/.keep", "", 0o644)
	im.file("etc/init.d/000-wait", "#!/bin/sh\necho here >&2\n"+
		"n=0; while [ ! -e /run/go ] && [ $n -lt 1000 ]; do n=$((n+1)); sleep 0.02; done\n", 0o755)
	g := im.boot()
	g.untilText("here")
	logger, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: g.path(logs.Logger), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer logger.Close()
	if err := os.WriteFile(g.path("run/go"), nil, 0o644); err != nil {
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
	g.checkCommand("linuxkit-init: web: no log with this name; it may be in the logging daemon; try logread\n", 1, "logs", "web")
	if matches, _ := filepath.Glob(g.path("run/log/onboot/*.log")); len(matches) > 0 {
		t.Errorf("log files despite the logging daemon: %q", matches)
	}
	g.powerOff()
}

// receive receives one log from the machine: its name, and for an onboot container its content.
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
