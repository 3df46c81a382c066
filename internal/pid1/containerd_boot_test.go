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

// withContainerd is an image whose services are tasks of this machine's containerd.
func withContainerd(t *testing.T) image {
	t.Helper()
	if _, err := exec.LookPath("containerd"); err != nil {
		t.Fatal("needs containerd; install Debian's package of that name")
	}
	if os.Getuid() != 0 {
		t.Skip("containerd takes root")
	}
	im := newImage(t)
	im.file("etc/containerd/config.toml", "version = 2\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n", 0o644)
	im.file("etc/containerd/runtime-config.toml", "stderr = \"/var/log/containerd.log\"\n", 0o644)
	return im
}

// tasks boots with containerd until all services are ready.
func (im image) tasks() *guest {
	im.Helper()
	g := im.boot(stageTasks + "=yes")
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

// pids returns those of the machine's processes whose program is called that, as
// the machine numbers them.
func (g *guest) pids(program string) (pids []string) {
	names, _ := filepath.Glob(g.path("proc/[0-9]*/comm"))
	for _, name := range names {
		if comm, err := os.ReadFile(name); err == nil && strings.TrimSpace(string(comm)) == program {
			pids = append(pids, filepath.Base(filepath.Dir(name)))
		}
	}
	return pids
}

// kill ends the only process of a program.
func (g *guest) kill(program string) {
	g.Helper()
	pids := g.pids(program)
	if len(pids) != 1 {
		g.Fatalf("there are %d of %s", len(pids), program)
	}
	if out, code := g.run("/bin/kill", "-KILL", pids[0]); code != 0 {
		g.Fatalf("kill %s: %s", program, out)
	}
}

// eventually waits for what no record tells.
func (g *guest) eventually(what string, holds func() bool) {
	g.Helper()
	for end := time.Now().Add(wait); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			g.Fatalf("never: %s", what)
		}
	}
}

// answers waits until containerd does.
func (g *guest) answers() {
	g.Helper()
	g.eventually("containerd answers", func() bool { _, code := g.run("/usr/bin/ctr", "version"); return code == 0 })
}

const (
	shimProgram = "containerd-shim"
	webLine     = `(?m)^web +- +io\.containerd\.runc\.v2 *$`
)

func TestServicesAreTasksThatCtrShows(t *testing.T) {
	t.Parallel()
	im := withContainerd(t)
	im.bundle("onboot", "000-hello", "say", "hello")
	im.bindPID = "/run/ns/web"
	im.bundle("services", "web", "newline", "words")
	im.config("services: [{name: web, after: [containerd], ready: {notify: fd}}]\n")
	g := im.tasks()
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
		t.Errorf("its namespace is not bound: %v", err)
	}
	g.off()
	if n := g.count("log level=warn") + g.count("log level=error"); n > 0 {
		t.Errorf("complaints in %q", g.seen)
	}
}

func TestContainerdDiesAndItsTasksDoNot(t *testing.T) {
	t.Parallel()
	im := withContainerd(t)
	im.bundle("services", "web", "stay", "0")
	g := im.tasks()
	before := g.row("web")
	g.kill("containerd")
	g.until("log level=warn msg=containerd: ended with signal SIGKILL; it is started again in 200ms, and its tasks go on")
	g.answers()
	if after := g.row("web"); after[2] != before[2] || after[3] != "0" || len(g.pids("guest")) != 1 {
		t.Errorf("web is not what it was: %q, %q, %q", before, after, g.pids("guest"))
	}
	if out := g.ctr("-n", "services.linuxkit", "task", "ls"); !strings.Contains(out, before[2]) {
		t.Errorf("the task is not known any more: %s", out)
	}
	g.kill("containerd") // and now it is asked for something while it is away
	g.says("web: ready\n", 0, "restart", "web")
	g.until("exited service=web code=0 restarts=0")
	if n := len(g.pids("guest")); n != 1 {
		t.Errorf("%d of it run", n)
	}
	g.off()
}

func TestAShimDiesAndItsServiceIsStartedAgain(t *testing.T) {
	t.Parallel()
	im := withContainerd(t)
	im.bundle("services", "web", "stay", "0")
	g := im.tasks()
	g.kill(shimProgram)
	g.until("log level=warn msg=containerd's shim of web has died; web is killed")
	g.until("exited service=web signal=SIGKILL restarts=0")
	g.until("ready service=web")
	if n := len(g.pids("guest")); n != 1 {
		t.Errorf("%d of it run", n)
	}
	g.off()
}

func TestATaskDiesByItsRestartPolicy(t *testing.T) {
	t.Parallel()
	im := withContainerd(t)
	im.bundle("services", "web", "stay", "0")
	im.bundle("services", "broken", "fail", "4")
	im.config("services: [{name: broken, after: [web], restart: never}]\n")
	g := im.boot(stageTasks + "=yes")
	g.until("ready service=web")
	g.until("exited service=broken code=4 restarts=0 tail=guest: about to fail")
	g.until("failed service=broken reason=code 4")
	if g.count("ready service=broken") > 0 {
		t.Error("what fails at once was ready")
	}
	g.kill("guest")
	g.until("exited service=web signal=SIGKILL restarts=0")
	g.until("ready service=web")
	if got := g.row("web")[3]; got != "1" {
		t.Errorf("%s restarts", got)
	}
	g.off()
}

func TestWhatContainerdRefusesIsTold(t *testing.T) {
	t.Parallel()
	im := withContainerd(t)
	im.bundle("services", "web", "stay", "0")
	if err := os.Remove(im.dir + "/containers/services/web/lower/guest"); err != nil {
		t.Fatal(err)
	}
	im.file("etc/containerd/runtime-config.toml", "cliopts = --debug\nstderr = \"/none/at/all\"\n", 0o644)
	im.config("services: [{name: web, restart: never}]\n")
	g := im.boot(stageTasks + "=yes")
	g.until(`log level=warn msg=/etc/containerd/runtime-config.toml: line 1: must be KEY = "TEXT"`)
	g.until("log level=warn msg=/etc/containerd/runtime-config.toml: open /none/at/all: no such file or directory; it goes to the console")
	failed := g.until("failed service=web reason=error containerd refused it: ")
	if why := failed.Get("reason"); !strings.Contains(why, `exec: "/guest": stat /guest: no such file or directory`) {
		t.Errorf("the reason is %q", why)
	}
	if out := g.ctr("-n", "services.linuxkit", "container", "ls", "--quiet"); out != "" {
		t.Errorf("left behind: %s", out)
	}
	g.off()
}

func TestContainerdDiesOverStarts(t *testing.T) {
	t.Parallel()
	im := withContainerd(t)
	im.bundle("services", "web", "stay", "0")
	im.config("services: [{name: web, startLimit: {burst: 100, interval: 60s}}]\n")
	g := im.tasks()
	for _, pause := range []time.Duration{40, 80, 160, 320} { // while the old one is deleted or the new one made
		restarted := make(chan struct{})
		go func() {
			defer close(restarted)
			g.run("/init", "restart", "web")
		}()
		time.Sleep(pause * time.Millisecond)
		g.kill("containerd")
		<-restarted
		g.answers()
		g.eventually("web is ready", func() bool { return g.row("web")[1] == "ready" })
		if tasks, shims := g.pids("guest"), g.pids(shimProgram); len(tasks) != 1 || len(shims) != 1 {
			t.Errorf("%d of it run, with %d shims", len(tasks), len(shims))
		}
	}
	if out := g.ctr("-n", "services.linuxkit", "task", "ls"); !strings.Contains(out, g.row("web")[2]) {
		t.Errorf("ctr does not know it: %s", out)
	}
	g.off()
}
