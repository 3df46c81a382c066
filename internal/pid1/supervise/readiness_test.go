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

func proving(name string, r config.Ready) Service {
	s := quick(name)
	s.Settle = 0 // it must not matter
	s.Ready = r
	return s
}

func TestEveryProof(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "up")
	for name, tt := range map[string]struct {
		ready  config.Ready
		script string
	}{
		"by a file":       {config.Ready{File: path + "1"}, "sleep 0.2; echo >" + path + "1; " + stay},
		"by a command":    {config.Ready{Exec: []string{"/usr/bin/test", "-e", path + "2"}}, "sleep 0.2; echo >" + path + "2; " + stay},
		"by a line":       {config.Ready{Log: "listening"}, "sleep 0.2; echo now listening on 80; " + stay},
		"on stderr":       {config.Ready{Log: "listening"}, "sleep 0.2; echo now listening on 80 >&2; " + stay},
		"on descriptor 3": {config.Ready{Notify: "fd"}, "sleep 0.2; echo >&3; exec 3>&-; " + stay},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, plain{}, map[string]string{"a": tt.script, "b": stay}, proving("a", tt.ready), after("b", "a"))
			if ms := r.until("ready service=a").Get("ms"); len(ms) < 3 {
				t.Errorf("ready after %s ms, before it could be", ms)
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

func TestNotReadyInTimeIsAFailure(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		script string
		exited string
		killed bool
	}{
		"stops when asked": {
			script: "trap 'echo bye; exit 0' TERM; while :; do sleep 0.01; done", exited: "exited service=web code=0",
			killed: false,
		},
		"has to be killed": {
			script: "trap '' TERM; while :; do sleep 0.01; done", exited: "exited service=web signal=SIGKILL", killed: true,
		},
		"not even a command": {script: stay, exited: "exited service=web signal=SIGTERM", killed: false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := proving("web", config.Ready{File: "/no/such/file"})
			s.ReadyTimeout, s.Stop.Timeout, s.StartLimit.Burst = 300*time.Millisecond, 300*time.Millisecond, 2
			r := newRig(t, plain{}, map[string]string{"web": tt.script}, s)
			const reason = "not ready within 300ms: stat /no/such/file: no such file or directory"
			for range 2 {
				r.until("starting service=web")
				r.until("log level=warn msg=service web: " + reason + "; it is stopped")
				r.until(tt.exited)
			}
			r.until("failed service=web reason=" + reason + "; started 2 times within 1m0s")
			if all := strings.Join(r.seen, "\n"); strings.Contains(all, "ready service") || strings.Contains(all, "killed") != tt.killed {
				t.Errorf("seen %s", all)
			}
			r.down()
			if stopped, killed := r.super.Count(); stopped+killed > 0 {
				t.Errorf("stopped %d, killed %d by the shutdown: it had failed before", stopped, killed)
			}
		})
	}
}

func TestAProofThatMakesNoSenseIsAFailure(t *testing.T) {
	t.Parallel()
	r := newRig(t, plain{}, map[string]string{"web": stay}, proving("web", config.Ready{TCP: "web:80"}))
	r.until(`failed service=web reason=error ready: "web:80" is no address and port`)
}

func TestReadinessIsLostAndComesBack(t *testing.T) {
	t.Parallel()
	up := filepath.Join(t.TempDir(), "up")
	a, b, c := proving("a", config.Ready{File: up}), after("b", "a"), after("c", "a")
	a.ReadyTimeout = 400 * time.Millisecond
	c.After = []string{"go"}
	if err := os.WriteFile(up, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	r := newRig(t, plain{}, map[string]string{"a": stay, "b": stay, "c": stay}, a, b, c)
	r.until("ready service=b")
	if err := os.Remove(up); err != nil {
		t.Fatal(err)
	}
	r.until("log level=warn msg=service a: not ready any more: stat " + up)
	r.do(func() {
		r.super.Reach("go")
		r.loop.After(a.ReadyTimeout, func() { r.super.Reach("later") })
	})
	r.eventually("a's time to become ready is over", func() bool { return r.super.reached["later"] })
	r.do(func() {
		if got := r.super.Picture(); !reflect.DeepEqual(got, []string{"a:starting:0", "b:ready:0", "c:waiting:0"}) {
			t.Errorf("picture %q", got)
		}
	})
	if err := os.WriteFile(up, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	r.until("ready service=a")
	r.until("ready service=c")
}

// sleeper is a runtime in which every service sleeps.
type sleeper struct{ plain }

func (sleeper) Start(_ context.Context, c container.Container) (*container.Process, error) {
	child, err := reaper.Start(process.Program{Args: []string{"/bin/sleep", "1000"}, Stdin: c.Stdin, Stdout: c.Stdout, Stderr: c.Stderr})
	return &container.Process{Child: child}, err
}

func TestAServiceThatNotifies(t *testing.T) {
	t.Parallel()
	r := newRig(t, sleeper{}, map[string]string{"web": ""}, proving("web", config.Ready{Notify: "sd"}))
	r.until("starting service=web")
	changed, err := os.ReadFile(filepath.Join(r.dir, "bundles", "web", "config.json"))
	if err != nil || !strings.Contains(string(changed), `"NOTIFY_SOCKET=/notify"`) || !strings.Contains(string(changed), `"source":"`+r.dir+`/web.notify"`) {
		t.Errorf("the runtime gets %s, %v", changed, err)
	}
	c, err := net.Dial("unixgram", filepath.Join(r.dir, "web.notify"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, tt := range []struct{ message, record string }{
		{"READY=1", "ready service=web"},
		{"RELOADING=1", "log level=warn msg=service web: not ready any more: it reloads"},
		{"READY=1", "ready service=web"},
	} {
		if _, err := c.Write([]byte(tt.message)); err != nil {
			t.Fatal(err)
		}
		r.until(tt.record)
	}
}

// What a run had to prove itself with ends with the run.
func TestNothingIsLeftOfAThousandRuns(t *testing.T) {
	for name, ready := range map[string]config.Ready{"sd": {Notify: "sd"}, "fd": {Notify: "fd"}, "log": {Log: "up"}, "file": {File: "/"}, "tcp": {TCP: "127.0.0.1:1"}} {
		s := proving("web", ready)
		s.Restart, s.Backoff, s.StartLimit.Burst, s.ReadyTimeout = Always, Backoff{}, 1<<30, time.Second
		r := newRig(t, plain{}, map[string]string{"web": "exit 0"}, s)
		for range 10 {
			r.until("exited service=web")
		}
		files, routines := openFiles(t), runtime.NumGoroutine()
		for range 200 {
			r.until("exited service=web")
		}
		r.eventually(name+": no more files and goroutines than after ten", func() bool {
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
