package pid1

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// off powers the machine off.
func (g *guest) off() {
	g.Helper()
	g.signal(syscall.SIGUSR2)
	g.until("bye how=poweroff")
	g.over(syscall.SIGINT)
}

// path is where a file of the machine is, as long as it runs.
func (g *guest) path(name string) string {
	return "/proc/" + strconv.Itoa(g.cmd.Process.Pid) + "/root/" + name
}

// ownNetwork gives a service a network namespace of its own.
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

// What a service is given to prove itself with reaches it in its container.
func TestServicesProveThatTheyAreReady(t *testing.T) {
	t.Parallel()
	im := newImage(t)
	im.bundle("services", "sd", "notify", `STATUS=loaded\nREADY=1`)
	im.bindPID = "/run/ns/fd" // so that it is made first, and then started
	im.bundle("services", "fd", "newline", "up")
	im.bindPID = ""
	im.bundle("services", "tcp", "listen", "8080")
	im.bundle("services", "log", "print", "now listening on 80")
	im.bundle("services", "last", "stay", "0")
	im.ownNetwork("tcp") // where its 127.0.0.1 is not the machine's
	im.file("etc/init/config.yml", `services:
  - {name: sd, ready: {notify: sd}}
  - {name: fd, ready: {notify: fd}}
  - {name: tcp, ready: {tcp: 8080}}
  - {name: log, ready: {log: listening}}
  - {name: last, requires: [sd, fd, tcp, log]}
`, 0o644)
	g := im.boot()
	g.until("ready service=last")
	last := slices.Index(g.seen, "starting service=last")
	for _, want := range []string{"ready service=sd", "ready service=fd", "ready service=tcp", "ready service=log", "log level=debug msg=service sd says: loaded"} {
		if i := slices.Index(g.seen, want); i < 0 || i > last {
			t.Errorf("no %q before the start of what requires it in\n%s", want, strings.Join(g.seen, "\n"))
		}
	}
	g.until("state phase=ready")
	g.off()
	if all := strings.Join(g.seen, "\n"); strings.Contains(all, "level=error") {
		t.Errorf("errors in\n%s", all)
	}
}

func TestAServiceThatDoesNotBecomeReadyFails(t *testing.T) {
	t.Parallel()
	im := newImage(t)
	im.bundle("services", "web", "print", "starting up")
	im.bundle("services", "needs", "stay", "0")
	im.file("etc/init/config.yml", `services:
  - {name: web, ready: {notify: sd}, readyTimeout: 1s, startLimit: {burst: 2, interval: 60s}}
  - {name: needs, requires: [web]}
`, 0o644)
	g := im.boot()
	const reason = "not ready within 1s: it has not sent READY=1"
	for _, restarts := range []string{"0", "1"} {
		g.until("starting service=web")
		g.until("log level=warn msg=service web: " + reason + "; it is stopped")
		g.until("exited service=web code=0 restarts=" + restarts)
	}
	g.until("failed service=web reason=" + reason + "; started 2 times within 1m0s tail=starting up")
	g.until("failed service=needs reason=it requires web, which has failed")
	g.off()
	if all := strings.Join(g.seen, "\n"); strings.Contains(all, "ready service=") {
		t.Errorf("something was ready in\n%s", all)
	}
}

func TestReadinessThatIsLostComesBack(t *testing.T) {
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
	g.off()
}
