package supervise

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/org/linuxkit-action/internal/pid1/config"
	"github.com/org/linuxkit-action/internal/pid1/container"
	"github.com/org/linuxkit-action/internal/pid1/process"
)

func withReadiness(name string, r config.Ready) Service {
	s := quick(name)
	s.MinUptime = 0 // it has no effect
	s.Ready = r
	return s
}

func TestReadinessKinds(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "up")
	for name, tt := range map[string]struct {
		ready  config.Ready
		script string
	}{
		"file":        {config.Ready{File: path + "1"}, "sleep 0.2; echo >" + path + "1; " + stay},
		"exec":        {config.Ready{Exec: []string{"/usr/bin/test", "-e", path + "2"}}, "sleep 0.2; echo >" + path + "2; " + stay},
		"log, stdout": {config.Ready{Log: "listening"}, "sleep 0.2; echo now listening on 80; " + stay},
		"log, stderr": {config.Ready{Log: "listening"}, "sleep 0.2; echo now listening on 80 >&2; " + stay},
		"notify fd":   {config.Ready{Notify: "fd"}, "sleep 0.2; echo >&3; exec 3>&-; " + stay},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			scripts := map[string]string{"a": tt.script, "b": stay}
			r := newFixture(t, processRuntime{}, scripts, withReadiness("a", tt.ready), after("b", "a"))
			if ms := r.until("ready service=a").Get("ms"); len(ms) < 3 {
				t.Errorf("ready after %s ms, too early", ms)
			}
			r.until("starting service=b")
			if strings.Contains(strings.Join(r.seen[:1], ""), "service=b") {
				t.Errorf("b did not wait: %q", r.seen)
			}
		})
	}
}

func after(name, requires string) Service {
	s := quick(name)
	s.Requires = []string{requires}
	return s
}

func TestReadyTimeout(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		script string
		exited string
		killed bool
	}{
		"handles SIGTERM": {
			script: "trap 'echo bye; exit 0' TERM; while :; do sleep 0.01; done", exited: "exited service=web code=0",
			killed: false,
		},
		"ignores SIGTERM": {
			script: "trap '' TERM; while :; do sleep 0.01; done", exited: "exited service=web signal=SIGKILL", killed: true,
		},
		"default SIGTERM": {script: stay, exited: "exited service=web signal=SIGTERM"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := withReadiness("web", config.Ready{File: "/no/such/file"})
			s.ReadyTimeout, s.Stop.Timeout, s.StartLimit.Burst = 300*time.Millisecond, 300*time.Millisecond, 2
			r := newFixture(t, processRuntime{}, map[string]string{"web": tt.script}, s)
			const reason = "not ready within 300ms: stat /no/such/file: no such file or directory"
			for range 2 {
				r.until("starting service=web")
				r.until("log level=warn msg=service web: " + reason + "; stopping it")
				r.until(tt.exited)
			}
			r.until("failed service=web reason=" + reason + "; started 2 times within 1m0s")
			if all := strings.Join(r.seen, "\n"); strings.Contains(all, "ready service") || strings.Contains(all, "killed") != tt.killed {
				t.Errorf("seen %s", all)
			}
			r.down()
			if stopped, killed := r.super.Count(); stopped+killed > 0 {
				t.Errorf("stopped %d, killed %d; want 0, since it had failed before", stopped, killed)
			}
		})
	}
}

func TestInvalidReadiness(t *testing.T) {
	t.Parallel()
	r := newFixture(t, processRuntime{}, map[string]string{"web": stay}, withReadiness("web", config.Ready{TCP: "web:80"}))
	r.until(`failed service=web reason=error ready: tcp: "web:80" is not an address of the form IP:PORT`)
}

func TestReadinessLostAndRegained(t *testing.T) {
	t.Parallel()
	up := filepath.Join(t.TempDir(), "up")
	a, b, c := withReadiness("a", config.Ready{File: up}), after("b", "a"), after("c", "a")
	a.ReadyTimeout = 400 * time.Millisecond
	c.After = []string{"go"}
	if err := os.WriteFile(up, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	r := newFixture(t, processRuntime{}, map[string]string{"a": stay, "b": stay, "c": stay}, a, b, c)
	r.until("ready service=b")
	if err := os.Remove(up); err != nil {
		t.Fatal(err)
	}
	r.until("log level=warn msg=service a: not ready any more: stat " + up)
	r.do(func() {
		r.super.ReachMilestone("go")
		r.loop.After(a.ReadyTimeout, func() { r.super.ReachMilestone("later") })
	})
	r.eventually("the ready timeout of a has passed", func() bool { return r.super.reached["later"] })
	r.do(func() {
		if got := r.super.states(); !reflect.DeepEqual(got, []string{"a:starting:0", "b:ready:0", "c:waiting:0"}) {
			t.Errorf("picture %q", got)
		}
	})
	if err := os.WriteFile(up, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	r.until("ready service=a")
	r.until("ready service=c")
}

// sleepRuntime runs sleep for every service.
type sleepRuntime struct{ processRuntime }

func (sleepRuntime) Start(_ context.Context, c container.Container) (*container.Process, error) {
	child, err := reaper.Start(process.Program{
		Args: []string{"/bin/sleep", "1000"}, Stdin: c.Stdin, Stdout: c.Stdout, Stderr: c.Stderr,
	})
	return &container.Process{Child: child}, err
}

func TestNotifySd(t *testing.T) {
	t.Parallel()
	r := newFixture(t, sleepRuntime{}, map[string]string{"web": ""}, withReadiness("web", config.Ready{Notify: "sd"}))
	r.until("starting service=web")
	changed, err := os.ReadFile(filepath.Join(r.dir, "bundles", "web", "config.json"))
	if err != nil || !strings.Contains(string(changed), `"NOTIFY_SOCKET=/notify"`) ||
		!strings.Contains(string(changed), `"source":"`+r.dir+`/web.notify"`) {
		t.Errorf("config.json: %s, %v", changed, err)
	}
	c, err := net.Dial("unixgram", filepath.Join(r.dir, "web.notify"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, tt := range []struct{ message, record string }{
		{"READY=1", "ready service=web"},
		{"RELOADING=1", "log level=warn msg=service web: not ready any more: reloading"},
		{"READY=1", "ready service=web"},
	} {
		if _, err := c.Write([]byte(tt.message)); err != nil {
			t.Fatal(err)
		}
		r.until(tt.record)
	}
}

// Files and goroutines of a run must end with the run.
func TestRunsLeakNothing(t *testing.T) {
	for name, ready := range map[string]config.Ready{
		"sd": {Notify: "sd"}, "fd": {Notify: "fd"}, "log": {Log: "up"}, "file": {File: "/"}, "tcp": {TCP: "127.0.0.1:1"},
	} {
		s := withReadiness("web", ready)
		s.Restart, s.Backoff, s.StartLimit.Burst, s.ReadyTimeout = Always, Backoff{}, 1<<30, time.Second
		r := newFixture(t, processRuntime{}, map[string]string{"web": "exit 0"}, s)
		for range 10 {
			r.until("exited service=web")
		}
		files, routines := openFiles(t), runtime.NumGoroutine()
		for range 200 {
			r.until("exited service=web")
		}
		r.eventually(name+": files and goroutines as after ten runs", func() bool {
			return openFiles(t) <= files+10 && runtime.NumGoroutine() <= routines+10
		})
		r.down()
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// notifying returns a running service with notify: sd, and a function that sends it a message's text.
func notifying(t *testing.T, s Service) (*fixture, func(text string)) {
	t.Helper()
	s.Ready, s.MinUptime = config.Ready{Notify: "sd"}, 0
	r := newFixture(t, sleepRuntime{}, map[string]string{"web": ""}, s)
	r.until("starting service=web")
	c, err := net.Dial("unixgram", filepath.Join(r.dir, "web.notify"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return r, func(text string) {
		t.Helper()
		if _, err := c.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestServiceIsRestartedIfItStaysUnready(t *testing.T) {
	t.Parallel()
	s := quick("web")
	s.RestartUnready, s.ReadyTimeout = true, 500*time.Millisecond
	r, send := notifying(t, s)
	send("READY=1")
	r.until("ready service=web")
	send("RELOADING=1")
	r.until("log level=warn msg=service web: not ready any more: reloading")
	r.until("log level=warn msg=service web: not ready for 500ms: reloading; stopping it")
	r.until("exited service=web signal=SIGTERM")
	r.until("starting service=web")
}

// A deadline that was extended is the only one: the timer of the first one does nothing.
func TestServiceExtendsItsReadyTimeout(t *testing.T) {
	t.Parallel()
	s := quick("web")
	s.ReadyTimeout = 500 * time.Millisecond
	r, send := notifying(t, s)
	send("EXTEND_TIMEOUT_USEC=1500000")
	time.Sleep(time.Second)
	send("READY=1")
	r.until("ready service=web")
	if seen := strings.Join(r.seen, "\n"); strings.Contains(seen, "stopping") {
		t.Errorf("%s", seen)
	}
}

func TestServiceThatDoesNotFeedItsWatchdogIsRestarted(t *testing.T) {
	t.Parallel()
	s := quick("web")
	s.Watchdog = 600 * time.Millisecond
	r, send := notifying(t, s)
	text, err := os.ReadFile(filepath.Join(r.dir, "bundles", "web", "config.json"))
	if !strings.Contains(string(text), "WATCHDOG_USEC=600000") {
		t.Errorf("%s, %v", text, err)
	}
	send("READY=1")
	r.until("ready service=web")
	began := time.Now()
	for range 4 {
		time.Sleep(300 * time.Millisecond)
		send("WATCHDOG=1")
	}
	r.until("log level=warn msg=service web: no WATCHDOG=1 for 600ms; stopping it")
	if took := time.Since(began); took < 1500*time.Millisecond {
		t.Errorf("stopped after %v, although it fed the watchdog", took)
	}
	r.until("exited service=web signal=SIGTERM")
	r.until("starting service=web")
}

func TestServiceWithoutStartLimitIsNeverGivenUp(t *testing.T) {
	t.Parallel()
	s := quick("web")
	s.StartLimit.Off = true
	r := newFixture(t, processRuntime{}, map[string]string{"web": "exit 3"}, s)
	for range 20 {
		if rec := r.until("exited service=web code=3"); rec.Event == "" {
			t.Fatal("not restarted")
		}
	}
	if seen := strings.Join(r.seen, "\n"); strings.Contains(seen, "failed") {
		t.Errorf("%s", seen)
	}
}
