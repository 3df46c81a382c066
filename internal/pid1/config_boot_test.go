package pid1

import (
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// config adds the configuration file.
func (im image) config(text string) {
	im.Helper()
	im.file(configPath, text, 0o644)
}

// read returns the content of a file of the running machine.
func (g *guest) read(path string) string {
	g.Helper()
	data, err := os.ReadFile(g.path(path))
	if err != nil {
		g.Fatal(err)
	}
	return string(data)
}

// index returns the position of the first record seen that begins with text, or -1.
func (g *guest) index(text string) int {
	return slices.IndexFunc(g.seen(), func(s string) bool { return strings.HasPrefix(s, text) })
}

// count returns how many of the records seen begin with text.
func (g *guest) count(text string) int {
	n := 0
	for _, s := range g.seen() {
		if strings.HasPrefix(s, text) {
			n++
		}
	}
	return n
}

func TestServiceOrder(t *testing.T) {
	t.Parallel()
	im := newImage(t)
	im.bundle("onboot", "000-dhcp", "echo", "hello")
	for _, name := range []string{"app", "cache", "db", "web"} {
		im.bundle("services", name, "stay", "0")
	}
	im.config(`
services:
  - name: app
    after: [network, dhcp, cache]
    requires: [db]
  - {name: db, before: [cache], after: [containerd]}
  - {name: web, after: [app]}
`)
	g := im.boot()
	g.until("milestone name=ready")
	g.powerOff()
	for _, pair := range [][2]string{{"db", "cache"}, {"cache", "app"}, {"db", "app"}, {"app", "web"}} {
		first, second := pair[0], pair[1]
		if g.index("starting service="+second) < g.index("ready service="+first) {
			t.Errorf("%s was started before %s was ready", second, first)
		}
		if g.index("exited service="+first) < g.index("exited service="+second) {
			t.Errorf("%s was stopped before %s", first, second)
		}
	}
	if g.count("log level=error") > 0 {
		t.Errorf("errors in\n%s", strings.Join(g.seen(), "\n"))
	}
}

func TestEnvironment(t *testing.T) {
	t.Parallel()
	im := newImage(t)
	im.bundle("onboot", "000-dhcp", "env", "T_")
	im.bundle("services", "web", "env", "T_")
	im.bundle("services", "db", "env", "T_")
	im.config(`
env: {T_ZONE: UTC, T_LEVEL: low}
services:
  - {name: web, env: {T_LEVEL: high, T_WEB: 1}}
  - {name: dhcp, env: [T_LINK=eth0]}
`)
	g := im.boot()
	g.until("milestone name=ready")
	for path, want := range map[string]string{
		"/run/log/onboot/onboot.000-dhcp.out.log": "T_ZONE=UTC\nT_LEVEL=low\nT_LINK=eth0\n",
		"/var/log/web.out.log":                    "T_ZONE=UTC\nT_LEVEL=high\nT_WEB=1\n",
		"/var/log/db.out.log":                     "T_ZONE=UTC\nT_LEVEL=low\n",
	} {
		if got := g.read(path); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
	g.powerOff()
}

// A machine boots with any configuration file, and its mistakes are logged.
func TestInvalidConfiguration(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ config, want string }{
		"garbage":  {"\x7fELF\x02\x01\x00", "line 1: not parsed: unprintable character"},
		"too long": {strings.Repeat("# x\n", 1<<15), "read " + configPath + ": file too large; affects"},
		"cyclic": {
			"services:\n- {name: a, after: [b]}\n- {name: b, after: [a]}\n",
			"line 3: service b: dependency cycle: a after b after a; b does not wait for a",
		},
		"unknown":         {"services: [{name: a, after: [x]}]", `line 1: service a: unknown dependency "x"`},
		"unknown service": {"services: [{name: x, requires: [a]}]", `line 1: no such service "x"`},
		"partly valid":    {"restart: always\nservices: [{name: a, restart: sometimes}]", `line 1: unknown key "restart"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			im := newImage(t)
			im.bundle("services", "a", "stay", "0")
			im.bundle("services", "b", "stay", "0")
			im.config(tt.config)
			g := im.boot()
			g.until("milestone name=ready")
			want := slices.ContainsFunc(g.seen(), func(s string) bool {
				return strings.HasPrefix(s, "log level=error msg=") && strings.Contains(s, configPath) && strings.Contains(s, tt.want)
			})
			if !want {
				t.Errorf("no error %q:\n%s", tt.want, strings.Join(g.seen(), "\n"))
			}
			g.powerOff()
		})
	}
}

func TestOnbootFailureStops(t *testing.T) {
	t.Parallel()
	im := newImage(t)
	im.bundle("onboot", "000-bad", "fail", "3")
	im.bundle("onboot", "001-never", "echo", "never")
	im.bundle("services", "web", "stay", "0")
	im.config("onboot: {onFailure: stop}\n")
	g := im.boot()
	g.until("failed onboot=bad reason=exit 3; boot stopped (onboot.onFailure: stop) tail=guest: about to fail")
	g.until("state phase=onboot onboot=bad:3 services=")
	g.powerOff()
	all := strings.Join(g.seen(), "\n")
	for _, text := range []string{"never", "service=web", "milestone name=onboot"} {
		if strings.Contains(all, text) {
			t.Errorf("the boot continued: %q in\n%s", text, all)
		}
	}
}

func TestOnbootTimeout(t *testing.T) {
	t.Parallel()
	im := newImage(t)
	im.bundle("onboot", "000-hang", "ignoreTERM", "")
	im.config("onboot: {timeout: 500ms}\n")
	g := im.boot()
	g.until("onboot name=hang error=timed out and was killed")
	g.until("milestone name=ready")
	g.powerOff()
}

func TestOnFailureExec(t *testing.T) {
	t.Parallel()
	im := newImage(t)
	im.bundle("services", "web", "fail", "4")
	im.bundle("services", "db", "fail", "5")
	im.file("etc/alert", "#!/bin/sh\necho alert $1 $SERVICE: $REASON >&2\nexit 1\n", 0o755)
	im.config(`
services:
  - name: web
    startLimit: {burst: 2, interval: 1h}
    backoff: {initial: 1ms}
    onFailure: {exec: [/etc/alert, "a b"]}
  - {name: db, restart: never, onFailure: log}
`)
	g := im.boot()
	g.until("log level=error msg=/etc/alert: exit 1; affects: onFailure of service web")
	g.powerOff()
	const reason = "code 4; started 2 times within 1h0m0s"
	if g.count("failed service=web reason="+reason) != 1 || g.count("text alert a b web: "+reason) != 1 || // in either order
		g.count("text alert") != 1 || g.count("exited service=web") != 2 || g.count("exited service=db") != 1 {
		t.Errorf("want one alert, two runs of web and one of db:\n%s", strings.Join(g.seen(), "\n"))
	}
}

func TestOnFailureShutdown(t *testing.T) {
	t.Parallel()
	for word, signal := range map[string]syscall.Signal{"poweroff": syscall.SIGINT, "reboot": syscall.SIGHUP} {
		t.Run(word, func(t *testing.T) {
			t.Parallel()
			im := newImage(t)
			im.bundle("services", "web", "fail", "4")
			im.config("services: [{name: web, restart: never, onFailure: " + word + "}]\n")
			g := im.boot()
			g.until("shutdown how=" + word + " cause=service web has failed")
			g.until("bye how=" + word)
			g.checkExit(signal)
		})
	}
}

func TestStopSignal(t *testing.T) {
	t.Parallel()
	im := newImage(t)
	im.bundle("services", "web", "await", "3") // SIGQUIT
	im.bundle("services", "os", "await", "37")
	im.config("services: [{name: web, stop: {signal: QUIT}}, {name: os, stop: {signal: SIGRTMIN+3}}]\n")
	g := im.boot()
	g.until("milestone name=ready")
	g.powerOff()
	if g.count("exited service=web code=3 ") != 1 || g.count("exited service=os code=37 ") != 1 {
		t.Errorf("not stopped by the configured signals:\n%s", strings.Join(g.seen(), "\n"))
	}
}

func TestShutdownTimeout(t *testing.T) {
	t.Parallel()
	im := newImage(t)
	im.bundle("services", "web", "ignoreTERM", "")
	im.bundle("services", "db", "await", "15")
	im.config("shutdown: {timeout: 3s}\nservices: [{name: web, stop: {timeout: 1h}}]\n")
	g := im.boot()
	g.until("milestone name=ready")
	began := time.Now()
	g.signal(syscall.SIGUSR2)
	bye := g.until("bye how=poweroff")
	g.checkExit(syscall.SIGINT)
	if took := time.Since(began); took > 20*time.Second || bye.Get("stopped") != "1" {
		t.Errorf("the shutdown took %v; want one service stopped: %s", took, show(bye))
	}
}

func TestMounts(t *testing.T) {
	t.Parallel()
	im := newImage(t)
	im.config("mounts:\n- {type: tmpfs, target: /data, options: [size=64k, nosuid]}\n- {type: nofs, target: /none}\n")
	g := im.boot()
	g.until("log level=error msg=mount nofs on /none: no such device; affects: /none")
	g.until("milestone name=ready")
	if mounts := g.read("/proc/1/mounts"); !strings.Contains(mounts, " /data tmpfs rw,nosuid,") || !strings.Contains(mounts, "size=64k") {
		t.Errorf("%s", mounts)
	}
	g.powerOff()
}

func TestLogLevelPrecedence(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		file, args, env string
		shown           bool
	}{
		"default":                        {shown: false},
		"file":                           {file: "debug", shown: true},
		"environment over file, quieter": {file: "debug", env: "error", shown: false},
		"environment over file, louder":  {file: "error", env: "debug", shown: true},
		"--debug over both":              {file: "error", args: "--debug", env: "warn", shown: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			im := newImage(t)
			im.file("etc/init.d/000-x", "#!/bin/sh\n", 0o755)
			im.config("log: {level: " + tt.file + "}\n")
			g := im.boot(envArgs+"="+tt.args, envLevel+"="+tt.env)
			g.until("milestone name=ready")
			g.powerOff()
			if shown := g.count("log level=debug msg=run /etc/init.d/000-x") > 0; shown != tt.shown {
				t.Errorf("shown: %v in\n%s", shown, strings.Join(g.seen(), "\n"))
			}
		})
	}
}

func TestConfigPath(t *testing.T) {
	t.Parallel()
	im := newImage(t)
	im.bundle("services", "web", "await", "3")
	im.config("services: [{name: web, stop: {signal: HUP}}]\n")
	im.file("etc/other.yml", "services: [{name: web, stop: {signal: QUIT}}]\n", 0o644)
	g := im.boot(envArgs + "=--config /etc/other.yml")
	g.until("milestone name=ready")
	g.powerOff()
	if g.count("exited service=web code=3 ") != 1 {
		t.Errorf("the other file was not used:\n%s", strings.Join(g.seen(), "\n"))
	}
}

func TestMissingConfigPath(t *testing.T) {
	t.Parallel()
	im := newImage(t)
	im.config("services: [{name: unused}]\n")
	g := im.boot(envArgs + "=--config=/etc/none.yml")
	g.until("log level=error msg=open /etc/none.yml: no such file or directory; affects: its settings; using the defaults")
	g.until("milestone name=ready")
	g.powerOff()
}
