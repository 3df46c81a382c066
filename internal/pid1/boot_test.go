package pid1

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestBootToReadyAndPowerOff(t *testing.T) {
	t.Parallel()
	im := newImage(t)
	im.bundle("onboot", "000-hello", "say", "hello")
	im.bundle("services", "web", "stay", "0")
	im.bundle("services", "none", "deaf", "")
	im.bundle("onshutdown", "000-last", "say", "last")
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
		t.Errorf("%s: web stops by itself, the deaf one has to be killed", show(bye))
	}
	g.over(syscall.SIGINT)
	checkSequence(t, g)
}

// checkSequence checks what every boot has to show, whatever is in the image.
func checkSequence(t *testing.T, g *guest) {
	t.Helper()
	all := "\n" + strings.Join(g.seen, "\n") + "\n"
	for _, want := range []string{
		"\nstart version=dev kernel=", "\ntext Welcome to LinuxKit\n", "\nmilestone name=ready\nblame total=", "\nready service=web\n", "\nexited service=web code=0 restarts=0\n",
		"\nexited service=none signal=SIGKILL restarts=0\n", "\nstate phase=onboot onboot=hello:running services=\n",
	} {
		if !strings.Contains(all, want) {
			t.Errorf("there is no %q in%s", want, all)
		}
	}
	if strings.Contains(all, "level=error") || strings.Contains(all, "text wrong") {
		t.Errorf("errors in%s", all)
	}
}

func TestAFailingOnbootIsLoudAndTheBootGoesOn(t *testing.T) {
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
	g.over(syscall.SIGHUP)
}

func TestShutdownWhileOnbootHangs(t *testing.T) {
	t.Parallel()
	im := newImage(t)
	im.bundle("onboot", "000-hang", "deaf", "")
	im.bundle("onboot", "001-never", "say", "never")
	g := im.boot()
	g.until("state phase=onboot onboot=hang:running")
	began := time.Now()
	g.signal(37) // SIGRTMIN+3
	g.until("shutdown how=halt cause=SIGRTMIN+3")
	g.until("onboot name=hang error=the machine is shutting down")
	g.until("bye how=halt")
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("it took %v", took)
	}
	g.over(syscall.SIGINT)
	if strings.Contains(strings.Join(g.seen, "\n"), "never") {
		t.Error("the next onboot was started during the shutdown")
	}
}

func TestShutdownWhileAScriptHangs(t *testing.T) {
	t.Parallel()
	im := newImage(t)
	im.file("etc/init.d/000-hang", "#!/bin/sh\necho here >&2\nsleep 1000\n", 0o755)
	g := im.boot()
	g.hears("here")
	g.signal(syscall.SIGINT)
	g.until("shutdown how=reboot cause=ctrl-alt-del")
	g.until("log level=error msg=run /etc/init.d/000-hang: the machine is shutting down")
	g.until("bye how=reboot")
	g.over(syscall.SIGHUP)
}

func TestStockLinksAreUnderstoodAndNotRun(t *testing.T) {
	t.Parallel()
	im := newImage(t)
	im.file("opt/service", "#!/bin/sh\necho wrong >&2\n", 0o755)
	if err := os.Symlink("/opt/service", im.dir+"/etc/init.d/010-onboot"); err != nil {
		t.Fatal(err)
	}
	g := im.boot()
	g.until("log level=debug msg=/etc/init.d/010-onboot: done by this init itself")
	g.until("milestone name=ready")
	g.signal(syscall.SIGUSR1)
	g.until("bye how=halt")
	if strings.Contains(strings.Join(g.seen, "\n"), "text wrong") {
		t.Error("LinuxKit's service was run beside this init")
	}
}

func TestANamespaceIsBoundBeforeTheProgramRuns(t *testing.T) {
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
		t.Errorf("%s is no other pid namespace: device %d, inode %d, %v", path, st.Dev, st.Ino, err)
	}
	g.signal(syscall.SIGUSR2)
	g.until("bye how=poweroff")
	g.over(syscall.SIGINT)
}

func TestOrphansAreReapedByTheThousand(t *testing.T) {
	t.Parallel()
	im := newImage(t)
	im.bundle("services", "web", "stay", "0")
	im.file("etc/init.d/000-orphans", `#!/bin/sh
i=0; while [ $i -lt 1000 ]; do (sleep 0.2 &); i=$((i+1)); done
`, 0o755)
	im.file("etc/init.d/001-count", `#!/bin/sh
n=1; tries=0
while [ $n != 0 ] && [ $tries -lt 200 ]; do n=$(grep -l '^State:.[SZ]' $(grep -l '^Name:.sleep' /proc/[0-9]*/status) 2>/dev/null </dev/null | wc -l); tries=$((tries+1)); sleep 0.05; done
echo left $n >&2
`, 0o755)
	g := im.boot()
	g.hears("left 0")
	g.until("ready service=web")
	g.signal(syscall.SIGUSR2)
	g.until("bye how=poweroff ")
	g.over(syscall.SIGINT)
}

func TestWithoutRuncEveryEntrySaysSoAndPID1Stays(t *testing.T) {
	t.Parallel()
	im := newImage(t)
	im.bundle("onboot", "000-dhcp", "say", "hello")
	im.bundle("services", "web", "stay", "0")
	runc, err := exec.LookPath("runc")
	if err != nil {
		t.Fatal(err)
	}
	g := im.boot(stageHide + "=" + runc)
	g.until("log level=error msg=there is no runc; add a component with runc to init; without it: running containers")
	g.until("onboot name=dhcp error=there is no runc")
	g.until("failed service=web reason=error there is no runc")
	g.signal(syscall.SIGUSR2)
	g.until("bye how=poweroff")
	g.over(syscall.SIGINT)
}

func TestNoSignalEndsPID1(t *testing.T) {
	t.Parallel()
	im := newImage(t)
	g := im.boot()
	g.until("milestone name=ready")
	for _, s := range []syscall.Signal{
		syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGILL, syscall.SIGABRT, syscall.SIGBUS, syscall.SIGFPE, syscall.SIGSEGV, syscall.SIGPIPE,
		syscall.SIGALRM, syscall.SIGTSTP, syscall.SIGXCPU, syscall.SIGVTALRM, syscall.SIGPROF, syscall.SIGIO, syscall.SIGPWR, syscall.SIGSYS, 34, 64,
	} {
		g.signal(s)
	}
	g.signal(syscall.SIGUSR2)
	g.until("bye how=poweroff")
	g.over(syscall.SIGINT)
}

func TestUnderNoKnownNameAndNotFirstItSaysWhatItIs(t *testing.T) {
	t.Parallel()
	out, err := exec.Command(initBinary).CombinedOutput()
	if code := err.(*exec.ExitError).ExitCode(); code != 2 || string(out) != usage {
		t.Errorf("exit %d, %q", code, out)
	}
}
