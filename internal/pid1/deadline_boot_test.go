package pid1

import (
	"os"
	"testing"
	"time"
)

// hangingImage returns an image that mounts a file system that never answers on /run/hang.
func hangingImage(t *testing.T) image {
	t.Helper()
	if f, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0); err != nil {
		t.Skipf("needs FUSE: %v", err)
	} else {
		f.Close()
	}
	im := newImage(t)
	im.copy(guestBinary, "guest")
	im.file("etc/init.d/000-hang", "#!/bin/sh\n/guest hang /run/hang &\n"+
		"n=0; while ! grep -q /run/hang /proc/mounts && [ $n -lt 1000 ]; do n=$((n+1)); sleep 0.02; done\n", 0o755)
	return im
}

// A readiness command on a file system that does not answer costs only its own service.
func TestHangingReadinessCommandDelaysNoOtherService(t *testing.T) {
	t.Parallel()
	im := hangingImage(t)
	im.bundle("services", "hx", "stay", "0")
	im.bundle("services", "hy", "stay", "0")
	im.bundle("services", "crash", "fail", "1")
	im.bundle("onshutdown", "000-last", "echo", "last")
	im.config(`
services:
  - {name: hx, ready: {exec: [/run/hang/check]}}
  - {name: hy, ready: {file: /run/hang/ready}}
  - {name: crash, startLimit: {burst: 3}, backoff: {initial: 2s, max: 2s}}
`)
	g := im.boot()
	g.until("starting service=hx")
	g.until("exited service=crash code=1 restarts=2") // started again while the command hangs
	g.until("failed service=crash reason=code 1; started 3 times")
	began := time.Now()
	g.powerOff()
	if g.count("onshutdown name=last exit=0") != 1 {
		t.Error("onshutdown was not run")
	}
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("the shutdown took %v", took)
	}
}

// Bundles on a file system that does not answer use up no start slots.
func TestHangingStartsDelayNoOtherService(t *testing.T) {
	t.Parallel()
	im := hangingImage(t)
	for _, name := range []string{"a", "b", "c", "d"} {
		im.bundle("services", name, "stay", "0")
		dir := "containers/services/" + name
		im.file(dir+"/runtime.json", `{"mkdir": ["/run/hang/x"]}`, 0o644)
	}
	im.bundle("services", "web", "stay", "0")
	im.config("services: [{name: a, stop: {timeout: 1s}}, {name: web, after: [network]}]\n")
	g := im.boot()
	g.until("ready service=web")
	g.checkCommand("a: stopped, error the start hangs; a mount, a log or a program is on a file system that does not answer\n", 0, "stop", "a")
	g.signal(12) // SIGUSR2
	g.until("bye how=poweroff")
}

// onshutdown containers that use up the time of all are reported, and so is the one that is never
// started.
func TestOnshutdownThatIsNeverStartedIsReported(t *testing.T) {
	t.Parallel()
	im := newImage(t)
	for _, id := range []string{"000-a", "001-b", "002-c"} {
		im.bundle("onshutdown", id, "ignoreTERM", "")
	}
	im.bundle("onshutdown", "003-last", "echo", "last")
	im.bundle("services", "web", "stay", "0")
	g := im.boot()
	g.until("ready service=web")
	g.signal(12) // SIGUSR2
	g.until("failed onshutdown=a reason=error timed out and was killed")
	g.until("failed onshutdown=last reason=not started: onshutdown has 30s")
	g.until("exited service=web code=0") // it ran until then
	g.until("bye how=poweroff stopped=1 killed=0")
}

func TestOnshutdownAfterServices(t *testing.T) {
	t.Parallel()
	im := newImage(t)
	im.bundle("onshutdown", "000-last", "echo", "last")
	im.bundle("services", "web", "stay", "0")
	im.config("onshutdown: {when: after-services}\n")
	g := im.boot()
	g.until("ready service=web")
	g.signal(12) // SIGUSR2
	g.until("exited service=web code=0")
	g.until("onshutdown name=last exit=0")
	g.until("bye how=poweroff")
}
