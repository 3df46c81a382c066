package pid1

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// withContainerd is an image whose services are tasks of this host's containerd.
func withContainerd(t *testing.T) image {
	t.Helper()
	if _, err := exec.LookPath("containerd"); err != nil {
		t.Fatal("needs containerd; install Debian's package of that name")
	}
	if os.Getuid() != 0 {
		t.Skip("containerd needs root")
	}
	im := newImage(t)
	im.file("etc/containerd/config.toml", "version = 2\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n", 0o644)
	im.file("etc/containerd/runtime-config.toml", "stderr = \"/var/log/containerd.log\"\n", 0o644)
	return im
}

// bootContainerd boots with containerd until all services are ready.
func (im image) bootContainerd() *guest {
	im.Helper()
	g := im.boot(envTasks + "=yes")
	g.until("milestone name=containerd")
	g.until("milestone name=ready")
	return g
}

// ctr runs ctr in the machine.
func (g *guest) ctr(args ...string) string {
	g.Helper()
	out, code := g.run(append([]string{"/usr/bin/ctr"}, args...)...)
	if code != 0 {
		g.Errorf("ctr %q: exit %d: %s", args, code, out)
	}
	return out
}

// pids returns the pids of a program in the machine, as numbered there.
func (g *guest) pids(program string) (pids []string) {
	names, _ := filepath.Glob(g.path("proc/[0-9]*/comm"))
	for _, name := range names {
		if comm, err := os.ReadFile(name); err == nil && strings.TrimSpace(string(comm)) == program {
			pids = append(pids, filepath.Base(filepath.Dir(name)))
		}
	}
	return pids
}

// kill kills the only process of a program.
func (g *guest) kill(program string) {
	g.Helper()
	pids := g.pids(program)
	if len(pids) != 1 {
		g.Fatalf("%d processes of %s, want 1", len(pids), program)
	}
	if out, code := g.run("/bin/kill", "-KILL", pids[0]); code != 0 {
		g.Fatalf("kill %s: %s", program, out)
	}
}

// eventually waits for a condition that no record reports.
func (g *guest) eventually(what string, holds func() bool) {
	g.Helper()
	for end := time.Now().Add(wait); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			g.Fatalf("timed out: %s", what)
		}
	}
}

// untilContainerd waits until containerd answers.
func (g *guest) untilContainerd() {
	g.Helper()
	g.eventually("containerd answers", func() bool { _, code := g.run("/usr/bin/ctr", "version"); return code == 0 })
}

const (
	shimProgram = "containerd-shim"
	webLine     = `(?m)^web +- +io\.containerd\.runc\.v2 *$`
)

func TestCtrListsServices(t *testing.T) {
	t.Parallel()
	im := withContainerd(t)
	im.bundle("onboot", "000-hello", "echo", "hello")
	im.bindPID = "/run/ns/web"
	im.bundle("services", "web", "newline", "words")
	im.config("services: [{name: web, after: [containerd], ready: {notify: fd}}]\n")
	g := im.bootContainerd()
	pid := g.row("web")[2]
	for _, tt := range []struct{ command, want string }{
		{"container ls", webLine},
		{"task ls", `(?m)^web +` + pid + ` +RUNNING *$`},
		{"task ps web", `(?m)^` + pid + ` +`},
	} {
		out := g.ctr(append([]string{"--namespace", "services.linuxkit"}, strings.Fields(tt.command)...)...)
		if !regexp.MustCompile(tt.want).MatchString(out) {
			t.Errorf("%s: %q does not match %s", tt.command, out, tt.want)
		}
	}
	if _, err := os.Stat(g.path("run/ns/web")); err != nil {
		t.Errorf("the namespace is not bound: %v", err)
	}
	g.powerOff()
	if n := g.count("log level=warn") + g.count("log level=error"); n > 0 {
		t.Errorf("warnings or errors in %q", g.seen())
	}
}

func TestTasksSurviveContainerdCrash(t *testing.T) {
	t.Parallel()
	im := withContainerd(t)
	im.bundle("services", "web", "stay", "0")
	g := im.bootContainerd()
	before := g.row("web")
	g.kill("containerd")
	g.until("log level=warn msg=containerd: ended with signal SIGKILL; restarting in 200ms, its tasks keep running")
	g.untilContainerd()
	if after := g.row("web"); after[2] != before[2] || after[3] != "0" || len(g.pids("guest")) != 1 {
		t.Errorf("web has changed: %q, %q, %q", before, after, g.pids("guest"))
	}
	if out := g.ctr("-n", "services.linuxkit", "task", "ls"); !strings.Contains(out, before[2]) {
		t.Errorf("ctr does not list the task: %s", out)
	}
	g.kill("containerd") // now restart a service while it is down
	g.checkCommand("web: ready\n", 0, "restart", "web")
	g.until("exited service=web code=0 restarts=0")
	if n := len(g.pids("guest")); n != 1 {
		t.Errorf("%d processes of web, want 1", n)
	}
	g.powerOff()
}

func TestShimCrashRestartsService(t *testing.T) {
	t.Parallel()
	im := withContainerd(t)
	im.bundle("services", "web", "stay", "0")
	g := im.bootContainerd()
	g.kill(shimProgram)
	g.until("log level=warn msg=containerd shim of web died; killing web")
	g.until("exited service=web signal=SIGKILL restarts=0")
	g.until("ready service=web")
	if n := len(g.pids("guest")); n != 1 {
		t.Errorf("%d processes of web, want 1", n)
	}
	g.powerOff()
}

func TestRestartPolicyOfTasks(t *testing.T) {
	t.Parallel()
	im := withContainerd(t)
	im.bundle("services", "web", "stay", "0")
	im.bundle("services", "broken", "fail", "4")
	im.config("services: [{name: broken, after: [web], restart: never}]\n")
	g := im.boot(envTasks + "=yes")
	g.until("ready service=web")
	g.until("exited service=broken code=4 restarts=0 tail=guest: about to fail")
	g.until("failed service=broken reason=code 4")
	if g.count("ready service=broken") > 0 {
		t.Error("a service that fails at once was ready")
	}
	g.kill("guest")
	g.until("exited service=web signal=SIGKILL restarts=0")
	g.until("ready service=web")
	if got := g.row("web")[3]; got != "1" {
		t.Errorf("%s restarts", got)
	}
	g.powerOff()
}

func TestContainerdRejection(t *testing.T) {
	t.Parallel()
	im := withContainerd(t)
	im.bundle("services", "web", "stay", "0")
	if err := os.Remove(im.dir + "/containers/services/web/lower/guest"); err != nil {
		t.Fatal(err)
	}
	im.file("etc/containerd/runtime-config.toml", "cliopts = --debug\nstderr = \"/none/at/all\"\n", 0o644)
	im.config("services: [{name: web, restart: never}]\n")
	g := im.boot(envTasks + "=yes")
	g.until(`log level=warn msg=/etc/containerd/runtime-config.toml: line 1: must be KEY = "TEXT"`)
	g.until("log level=warn msg=/etc/containerd/runtime-config.toml: open /none/at/all: no such file or directory; using the console")
	failed := g.until("failed service=web reason=error containerd rejected the request: ")
	if why := failed.Get("reason"); !strings.Contains(why, `exec: "/guest": stat /guest: no such file or directory`) {
		t.Errorf("reason %q", why)
	}
	if out := g.ctr("-n", "services.linuxkit", "container", "ls", "--quiet"); out != "" {
		t.Errorf("left over: %s", out)
	}
	g.powerOff()
}

func TestContainerdCrashDuringStart(t *testing.T) {
	t.Parallel()
	im := withContainerd(t)
	im.bundle("services", "web", "stay", "0")
	im.config("services: [{name: web, startLimit: {burst: 100, interval: 60s}}]\n")
	g := im.bootContainerd()
	for _, pause := range []time.Duration{40, 80, 160, 320} { // during the delete of the old container or the start of the new one
		restarted := make(chan struct{})
		go func() {
			defer close(restarted)
			g.run("/"+toolName, "restart", "web")
		}()
		time.Sleep(pause * time.Millisecond)
		g.kill("containerd")
		<-restarted
		g.untilContainerd()
		g.eventually("web is ready", func() bool { return g.row("web")[1] == "ready" })
		if tasks, shims := g.pids("guest"), g.pids(shimProgram); len(tasks) != 1 || len(shims) != 1 {
			t.Errorf("%d processes and %d shims of web, want 1 each", len(tasks), len(shims))
		}
	}
	if out := g.ctr("-n", "services.linuxkit", "task", "ls"); !strings.Contains(out, g.row("web")[2]) {
		t.Errorf("ctr does not list web: %s", out)
	}
	g.powerOff()
}
