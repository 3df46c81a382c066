package pid1

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/org/linuxkit-action/internal/pid1/control"
)

// toolBundle adds a service that runs the operator's command in a container which binds /run, with
// user 0 and some capabilities, in a pid namespace of its own unless hostPID is set.
func (im image) toolBundle(name string, caps []string, hostPID bool, args ...string) {
	im.Helper()
	im.bundle("services", name, "stay", "0")
	dir := "containers/services/" + name
	im.copy(toolBinary, dir+"/lower/"+toolName)
	im.file(dir+"/lower/run/.keep", "", 0o644)
	set, pid := "[]", `{"type": "pid"}, `
	if len(caps) > 0 {
		set = `["` + strings.Join(caps, `", "`) + `"]`
	}
	if hostPID {
		pid = ""
	}
	im.file(dir+"/config.json", fmt.Sprintf(`{"ociVersion": "1.2.1",
"process": {"user": {"uid": 0, "gid": 0}, "args": ["/linuxkit-init", "%s"], "cwd": "/",
 "capabilities": {"bounding": %s, "effective": %[2]s, "permitted": %[2]s}}, "root": {"path": "rootfs"},
"mounts": [{"destination": "/proc", "type": "proc", "source": "proc"},
 {"destination": "/run", "type": "bind", "source": "/run", "options": ["rbind"]}],
"linux": {%s"namespaces": [%s{"type": "mount"}]}}`, strings.Join(args, `", "`), set, im.cgroupsPath(name), pid), 0o644)
}

// A container that binds /run may command PID 1 only if it could do so without the socket.
func TestControlSocketIsNotTheContainers(t *testing.T) {
	t.Parallel()
	im := newImage(t)
	im.bundle("services", "web", "stay", "0")
	im.toolBundle("a-off", nil, false, "poweroff")
	im.toolBundle("b-stop", nil, false, "stop", "web")
	im.toolBundle("c-status", nil, false, "status")
	im.toolBundle("d-killer", []string{"CAP_KILL"}, false, "poweroff")
	im.toolBundle("e-booter", []string{"CAP_SYS_BOOT"}, false, "stop", "web")
	im.toolBundle("f-restart", []string{"CAP_KILL"}, false, "restart", "web")
	im.toolBundle("g-off", []string{"CAP_SYS_BOOT"}, false, "poweroff")
	var config strings.Builder
	config.WriteString("services:\n")
	for _, name := range []string{"a-off", "b-stop", "c-status", "d-killer", "e-booter", "f-restart", "g-off"} {
		after := "web"
		if name == "g-off" {
			after = "a-off, b-stop, c-status, d-killer, e-booter, f-restart"
		}
		fmt.Fprintf(&config, "  - {name: %s, after: [%s], restart: never, ready: {file: /never}}\n", name, after)
	}
	im.config(config.String())
	g := im.boot()
	bye := g.until("shutdown how=poweroff cause=operator")
	if bye.Event == "" {
		t.Error("no shutdown")
	}
	for service, want := range map[string]string{
		"a-off":     "code=1 restarts=0 tail=poweroff: " + control.ErrNoShutdown.Error(),
		"b-stop":    "code=1 restarts=0 tail=stop: " + control.ErrNoControl.Error(),
		"c-status":  "code=1 restarts=0 tail=status: " + control.ErrNoRead.Error(),
		"d-killer":  "code=1 restarts=0 tail=poweroff: " + control.ErrNoShutdown.Error(),
		"e-booter":  "code=1 restarts=0 tail=stop: " + control.ErrNoControl.Error(),
		"f-restart": "code=0 restarts=0",
	} {
		if g.count("exited service="+service+" "+want) != 1 {
			t.Errorf("%s: want %q in\n%s", service, want, strings.Join(g.seen(), "\n"))
		}
	}
	g.until("bye how=poweroff")
	g.checkExit(syscall.SIGINT)
}

// A shutdown from a pid namespace of its own, without the control socket, is an error.
func TestShutdownThatReachesNothingIsAnError(t *testing.T) {
	t.Parallel()
	im := newImage(t)
	im.bundle("services", "web", "stay", "0")
	g := im.boot()
	g.until("milestone name=ready")
	if err := os.Rename(g.path(control.Path), g.path(control.Path)+".old"); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"poweroff"}, {"reboot"}, {"halt"}, {"poweroff", "-f"}} {
		out, code := g.run(append([]string{"unshare", "--pid", "--fork", "/" + toolName}, args...)...)
		if code != 1 || !strings.HasPrefix(out, "linuxkit-init: nothing was done: this is the pid namespace of a container") {
			t.Errorf("%q: exit %d, %q", args, code, out)
		}
	}
	g.powerOff()
}
