package pid1

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestBootAndPowerOff(t *testing.T) {
	t.Parallel()
	im := newImage(t)
	im.bundle("onboot", "000-hello", "echo", "hello")
	im.bundle("services", "web", "stay", "0")
	im.bundle("services", "none", "ignoreTERM", "")
	im.bundle("onshutdown", "000-last", "echo", "last")
	im.file("etc/init.d/000-issue", "#!/bin/sh\necho Welcome to LinuxKit >&2\n", 0o755)
	im.file("etc/init.d/not-executable", "#!/bin/sh\necho wrong >&2\n", 0o644)
	g := im.boot()
	g.until("onboot name=hello exit=0")
	g.until("milestone name=network")
	g.until("milestone name=onboot")
	g.until("milestone name=services")
	g.until("state phase=ready onboot=hello:0 services=none:ready:0,web:ready:0")
	g.signal(syscall.SIGUSR2)
	g.until("shutdown how=poweroff cause=SIGUSR2")
	g.until("onshutdown name=last exit=0")
	bye := g.until("bye how=poweroff")
	if bye.Get("stopped") != "1" || bye.Get("killed") != "1" {
		t.Errorf("%s: want one service stopped and one killed", show(bye))
	}
	g.checkExit(syscall.SIGINT)
	checkSequence(t, g)
}

// checkSequence checks the records that every boot must contain.
func checkSequence(t *testing.T, g *guest) {
	t.Helper()
	all := "\n" + strings.Join(g.seen(), "\n") + "\n"
	for _, want := range []string{
		"\nstart version=dev kernel=", "\ntext Welcome to LinuxKit\n", "\nmilestone name=ready\nblame total=",
		"\nready service=web\n", "\nexited service=web code=0 restarts=0\n",
		"\nexited service=none signal=SIGKILL restarts=0\n", "\nstate phase=onboot onboot=hello:running services=\n",
	} {
		if !strings.Contains(all, want) {
			t.Errorf("no %q in%s", want, all)
		}
	}
	if strings.Contains(all, "level=error") || strings.Contains(all, "text wrong") {
		t.Errorf("errors in%s", all)
	}
}

func TestOnbootFailureContinues(t *testing.T) {
	t.Parallel()
	im := newImage(t)
	im.bundle("onboot", "000-bad", "fail", "3")
	im.bundle("services", "web", "fail", "4")
	g := im.boot()
	g.until("onboot name=bad exit=3")
	g.until("failed onboot=bad reason=exit 3 tail=guest: about to fail")
	g.until("exited service=web code=4 restarts=0")
	g.until("failed service=web reason=code 4; started 5 times within 1m0s tail=guest: about to fail")
	g.signal(syscall.SIGTERM)
	g.until("bye how=reboot")
	g.checkExit(syscall.SIGHUP)
}

func TestShutdownDuringOnboot(t *testing.T) {
	t.Parallel()
	im := newImage(t)
	im.bundle("onboot", "000-hang", "ignoreTERM", "")
	im.bundle("onboot", "001-never", "echo", "never")
	g := im.boot()
	g.until("state phase=onboot onboot=hang:running")
	began := time.Now()
	g.signal(37) // SIGRTMIN+3
	g.until("shutdown how=halt cause=SIGRTMIN+3")
	g.until("onboot name=hang error=the machine is shutting down")
	g.until("bye how=halt")
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("the shutdown took %v", took)
	}
	g.checkExit(syscall.SIGINT)
	if strings.Contains(strings.Join(g.seen(), "\n"), "never") {
		t.Error("the next onboot container was started during the shutdown")
	}
}

func TestShutdownDuringScript(t *testing.T) {
	t.Parallel()
	im := newImage(t)
	im.file("etc/init.d/000-hang", "#!/bin/sh\necho here >&2\nsleep 1000\n", 0o755)
	g := im.boot()
	g.untilText("here")
	g.signal(syscall.SIGINT)
	g.until("shutdown how=reboot cause=ctrl-alt-del")
	g.until("log level=error msg=run /etc/init.d/000-hang: the machine is shutting down")
	g.until("bye how=reboot")
	g.checkExit(syscall.SIGHUP)
}

func TestLinksToServiceAreSkipped(t *testing.T) {
	t.Parallel()
	im := newImage(t)
	im.file("opt/service", "#!/bin/sh\necho wrong >&2\n", 0o755)
	if err := os.Symlink("/opt/service", im.dir+"/etc/init.d/010-onboot"); err != nil {
		t.Fatal(err)
	}
	g := im.boot()
	g.until("log level=debug msg=/etc/init.d/010-onboot: skipped; built into PID 1")
	g.until("milestone name=ready")
	g.signal(syscall.SIGUSR1)
	g.until("bye how=halt")
	if strings.Contains(strings.Join(g.seen(), "\n"), "text wrong") {
		t.Error("LinuxKit's service was executed")
	}
}

func TestBindNamespace(t *testing.T) {
	t.Parallel()
	im := newImage(t)
	im.bindPID = "/run/ns/web"
	im.bundle("services", "web", "stay", "0")
	g := im.boot()
	g.until("ready service=web")
	var st, own syscall.Stat_t
	path := "/proc/" + strconv.Itoa(g.cmd.Process.Pid) + "/root/run/ns/web"
	if err := syscall.Stat(path, &st); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Stat("/proc/self/ns/pid", &own); err != nil || st.Dev != own.Dev || st.Ino == own.Ino {
		t.Errorf("%s is not a new pid namespace: device %d, inode %d, %v", path, st.Dev, st.Ino, err)
	}
	g.powerOff()
}

func TestOrphansAreReaped(t *testing.T) {
	t.Parallel()
	im := newImage(t)
	im.bundle("services", "web", "stay", "0")
	im.file("etc/init.d/000-orphans", `#!/bin/sh
i=0; while [ $i -lt 1000 ]; do (sleep 0.2 &); i=$((i+1)); done
`, 0o755)
	im.file("etc/init.d/001-count", `#!/bin/sh
n=1; tries=0
while [ $n != 0 ] && [ $tries -lt 200 ]; do
  n=$(grep -l '^State:.[SZ]' $(grep -l '^Name:.sleep' /proc/[0-9]*/status) 2>/dev/null </dev/null | wc -l)
  tries=$((tries+1)); sleep 0.05
done
echo left $n >&2
`, 0o755)
	g := im.boot()
	g.untilText("left 0")
	g.until("ready service=web")
	g.powerOff()
}

func TestBootWithoutRunc(t *testing.T) {
	t.Parallel()
	im := newImage(t)
	im.bundle("onboot", "000-dhcp", "echo", "hello")
	im.bundle("services", "web", "stay", "0")
	runc, err := exec.LookPath("runc")
	if err != nil {
		t.Fatal(err)
	}
	g := im.boot(envHide + "=" + runc)
	g.until("log level=error msg=runc not found; add a component with runc to init; affects: running containers")
	g.until("onboot name=dhcp error=runc not found")
	g.until("failed service=web reason=error runc not found")
	g.powerOff()
}

func TestUnusedSignalsAreIgnored(t *testing.T) {
	t.Parallel()
	im := newImage(t)
	g := im.boot()
	g.until("milestone name=ready")
	for _, s := range []syscall.Signal{
		syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGILL, syscall.SIGABRT, syscall.SIGBUS, syscall.SIGFPE, syscall.SIGSEGV, syscall.SIGPIPE,
		syscall.SIGALRM, syscall.SIGTSTP, syscall.SIGXCPU, syscall.SIGVTALRM, syscall.SIGPROF, syscall.SIGIO,
		syscall.SIGPWR, syscall.SIGSYS, 34, 64,
	} {
		g.signal(s)
	}
	g.powerOff()
}

func TestOtherNamesExecuteTheOperatorsCommand(t *testing.T) {
	t.Parallel()
	cmd := exec.Command(initBinary, "status")
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: filepath.Dir(initBinary), Cloneflags: syscall.CLONE_NEWUSER}
	cmd.Path, cmd.Dir = "/init", "/" // without /usr/bin/linuxkit-init
	out, _ := cmd.CombinedOutput()   // its exit code is checked
	want := "linuxkit-init: exec /usr/bin/linuxkit-init: no such file or directory\n"
	if code := cmd.ProcessState.ExitCode(); code != 1 || string(out) != want {
		t.Errorf("exit %d, %q, want %q", code, out, want)
	}
}
