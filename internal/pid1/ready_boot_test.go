package pid1

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// powerOff powers the machine off and checks its end.
func (g *guest) powerOff() {
	g.Helper()
	g.signal(syscall.SIGUSR2)
	g.until("bye how=poweroff")
	g.checkExit(syscall.SIGINT)
}

// path returns the host's path of a file of the running machine.
func (g *guest) path(name string) string {
	return "/proc/" + strconv.Itoa(g.cmd.Process.Pid) + "/root/" + name
}

// ownNetwork gives a service a new network namespace.
func (im image) ownNetwork(name string) {
	im.Helper()
	path := "containers/services/" + name + "/config.json"
	text, err := os.ReadFile(im.dir + "/" + path)
	if err != nil {
		im.Fatal(err)
	}
	const mount = `{"type": "mount"}`
	im.file(path, strings.Replace(string(text), mount, mount+`, {"type": "network"}`, 1), 0o644)
}

// The socket, descriptor or address of each readiness kind works inside of a container.
func TestReadinessKinds(t *testing.T) {
	t.Parallel()
	im := newImage(t)
	im.bundle("services", "sd", "notify", `STATUS=loaded\nREADY=1`)
	im.bindPID = "/run/ns/fd" // created first and then started
	im.bundle("services", "fd", "newline", "up")
	im.bindPID = ""
	im.bundle("services", "tcp", "listen", "8080")
	im.bundle("services", "log", "print", "now listening on 80")
	im.bundle("services", "last", "stay", "0")
	im.ownNetwork("tcp") // its 127.0.0.1 is not the host's
	im.file("etc/init/config.yml", `services:
  - {name: sd, ready: {notify: sd}}
  - {name: fd, ready: {notify: fd}}
  - {name: tcp, ready: {tcp: 8080}}
  - {name: log, ready: {log: listening}}
  - {name: last, requires: [sd, fd, tcp, log]}
`, 0o644)
	g := im.boot()
	g.until("ready service=last")
	last := slices.Index(g.seen(), "starting service=last")
	for _, want := range []string{
		"ready service=sd", "ready service=fd", "ready service=tcp", "ready service=log",
		"log level=debug msg=service sd: status: loaded",
	} {
		if i := slices.Index(g.seen(), want); i < 0 || i > last {
			t.Errorf("no %q before the start of service last in\n%s", want, strings.Join(g.seen(), "\n"))
		}
	}
	g.until("state phase=ready")
	g.powerOff()
	if all := strings.Join(g.seen(), "\n"); strings.Contains(all, "level=error") {
		t.Errorf("errors in\n%s", all)
	}
}

func TestReadyTimeout(t *testing.T) {
	t.Parallel()
	im := newImage(t)
	im.bundle("services", "web", "print", "starting up")
	im.bundle("services", "needs", "stay", "0")
	im.file("etc/init/config.yml", `services:
  - {name: web, ready: {notify: sd}, readyTimeout: 1s, startLimit: {burst: 2, interval: 60s}}
  - {name: needs, requires: [web]}
`, 0o644)
	g := im.boot()
	const reason = "not ready within 1s: no READY=1 received"
	for _, restarts := range []string{"0", "1"} {
		g.until("starting service=web")
		g.until("log level=warn msg=service web: " + reason + "; stopping it")
		g.until("exited service=web code=0 restarts=" + restarts)
	}
	g.until("failed service=web reason=" + reason + "; started 2 times within 1m0s tail=starting up")
	g.until("failed service=needs reason=required service web has failed")
	g.powerOff()
	if all := strings.Join(g.seen(), "\n"); strings.Contains(all, "ready service=") {
		t.Errorf("a service was ready in\n%s", all)
	}
}

func TestReadinessLostAndRegained(t *testing.T) {
	t.Parallel()
	im := newImage(t)
	im.bundle("services", "web", "stay", "0")
	im.bundle("services", "needs", "stay", "0")
	im.file("etc/init.d/000-up", "#!/bin/sh\necho >/run/up\n", 0o755)
	im.file("etc/init/config.yml", `services:
  - {name: web, ready: {file: /run/up}}
  - {name: needs, requires: [web]}
`, 0o644)
	g := im.boot()
	g.until("state phase=ready onboot= services=needs:ready:0,web:ready:0")
	if err := os.Remove(g.path("run/up")); err != nil {
		t.Fatal(err)
	}
	g.until("log level=warn msg=service web: not ready any more: stat /run/up: no such file or directory")
	g.until("state phase=ready onboot= services=needs:ready:0,web:starting:0")
	if err := os.WriteFile(g.path("run/up"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	g.until("ready service=web")
	g.until("state phase=ready onboot= services=needs:ready:0,web:ready:0")
	g.powerOff()
}

// A read-only container without a tmpfs, which binds the machine's /dev, has a place for the socket;
// one that binds /run has the socket itself.
func TestNotifyFromReadOnlyContainers(t *testing.T) {
	t.Parallel()
	im := newImage(t)
	for name, dir := range map[string]string{"dev": "/dev", "run": "/run"} {
		im.bundle("services", name, "notify", "READY=1")
		path := "containers/services/" + name
		im.file(path+"/lower"+dir+"/.keep", "", 0o644)
		im.file(path+"/config.json", fmt.Sprintf(`{"ociVersion": "1.2.1",
"process": {"user": {"uid": 0, "gid": 0}, "args": ["/guest", "notify", "READY=1"], "cwd": "/"},
"root": {"path": "rootfs", "readonly": true},
"mounts": [{"destination": "/proc", "type": "proc", "source": "proc"},
 {"destination": "%s", "type": "bind", "source": "%[1]s", "options": ["rbind"]}],
"linux": {%s"namespaces": [{"type": "pid"}, {"type": "mount"}]}}`, dir, im.cgroupsPath(name)), 0o644)
	}
	if _, err := os.Lstat("/dev/notify"); err != nil { // the machine of the test has the host's /dev
		t.Cleanup(func() { _ = os.Remove("/dev/notify") })
	}
	im.config("services: [{name: dev, ready: {notify: sd}}, {name: run, ready: {notify: sd}}]\n")
	g := im.boot()
	g.until("milestone name=ready")
	g.powerOff()
}
