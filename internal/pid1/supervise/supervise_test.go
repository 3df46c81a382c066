package supervise

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/org/linuxkit-action/internal/pid1/config"
	"github.com/org/linuxkit-action/internal/pid1/container"
)

const stay = "exec sleep 1000"

func TestCrashLoop(t *testing.T) {
	t.Parallel()
	r := newFixture(t, processRuntime{}, map[string]string{"web": "echo no config >&2; exit 3"}, quick("web"))
	r.until("failed service=web reason=code 3; started 5 times within 1m0s tail=no config")
	var want []string
	for restarts := range 5 {
		want = append(want, "starting service=web", "exited service=web code=3 restarts="+strconv.Itoa(restarts)+
			" tail="+strings.Repeat("no config\n", restarts)+"no config")
	}
	if got := r.seen[:len(r.seen)-1]; !reflect.DeepEqual(got, want) {
		t.Errorf("seen %q, want %q", got, want)
	}
	if got := r.super.states(); !reflect.DeepEqual(got, []string{"web:failed:4"}) {
		t.Errorf("picture %q", got)
	}
}

func TestReadyAfterMinUptime(t *testing.T) {
	t.Parallel()
	r := newFixture(t, processRuntime{}, map[string]string{"web": stay, "once": "exit 0"}, quick("web"), quick("once"))
	rec := r.until("ready service=web")
	if ms, err := strconv.Atoi(rec.Get("ms")); err != nil || ms < 100 {
		t.Errorf("ready after %q ms, before MinUptime", rec.Get("ms"))
	}
	r.eventually("all ready or done", r.super.AllReady)
	r.do(func() {
		if got := r.super.states(); !reflect.DeepEqual(got, []string{"web:ready:0", "once:done:0"}) {
			t.Errorf("picture %q", got)
		}
		r.super.StartTimes(func(name string, d time.Duration) {
			if name != "web" || d < 100*time.Millisecond {
				t.Errorf("%s took %v", name, d)
			}
		})
	})
}

func TestExitedBySignal(t *testing.T) {
	t.Parallel()
	once := quick("web")
	once.Restart = Never
	r := newFixture(t, processRuntime{}, map[string]string{"web": "kill -SEGV $$"}, once)
	r.until("exited service=web signal=SIGSEGV restarts=0")
	r.until("failed service=web reason=signal SIGSEGV")
}

func TestRestartPolicies(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		policy Restart
		script string
		last   string
	}{
		"never, code 0":      {policy: Never, script: "exit 0", last: "exited service=x code=0 restarts=0"},
		"on-failure, code 0": {policy: OnFailure, script: "exit 0", last: "exited service=x code=0 restarts=0"},
		"always, code 0":     {policy: Always, script: "exit 0", last: "exited service=x code=0 restarts=2"},
		"on-failure, code 1": {policy: OnFailure, script: "exit 1", last: "exited service=x code=1 restarts=2"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := quick("x")
			s.Restart = tt.policy
			newFixture(t, processRuntime{}, map[string]string{"x": tt.script}, s).until(tt.last)
		})
	}
}

func TestReadyAfterRestart(t *testing.T) {
	t.Parallel()
	once := filepath.Join(t.TempDir(), "once")
	script := "test -e " + once + " && exec sleep 1000; touch " + once + "; sleep 0.3; exit 1"
	r := newFixture(t, processRuntime{}, map[string]string{"web": script}, quick("web"))
	r.until("ready service=web")
	r.until("exited service=web code=1 restarts=0")
	r.until("ready service=web")
	if got := r.super.states(); got[0] != "web:ready:1" {
		t.Errorf("picture %q", got)
	}
}

func TestStartErrorIsRetried(t *testing.T) {
	t.Parallel()
	r := newFixture(t, processRuntime{}, nil, quick("web"))
	r.until("exited service=web error=stat ")
	rec := r.until("failed service=web")
	if !strings.Contains(rec.Get("reason"), "no such file") {
		t.Errorf("reason %q", rec.Get("reason"))
	}
}

func TestNoRuntime(t *testing.T) {
	t.Parallel()
	r := newFixture(t, container.NoRuntime{}, nil, quick("a"), quick("b"))
	for range 2 {
		if rec := r.until("failed service="); !strings.Contains(rec.Get("reason"), "runc not found") {
			t.Errorf("reason %q", rec.Get("reason"))
		}
	}
}

// panicRuntime panics in Start.
type panicRuntime struct{ processRuntime }

func (panicRuntime) Start(context.Context, container.Container) (*container.Process, error) {
	panic("panicRuntime runtime")
}

func TestPanicInStart(t *testing.T) {
	t.Parallel()
	r := newFixture(t, panicRuntime{}, map[string]string{"web": stay}, quick("web"))
	r.until("failed service=web reason=error panic during the start")
}

func TestOrder(t *testing.T) {
	t.Parallel()
	scripts := map[string]string{}
	var services []Service
	for i := range 30 {
		s := quick("s" + strconv.Itoa(i))
		s.MinUptime = time.Millisecond
		for _, before := range []int{i / 2, i - 7} {
			if before >= 0 && before < i {
				s.Requires = append(s.Requires, "s"+strconv.Itoa(before))
			}
		}
		scripts[s.Name] = stay
		services = append(services, s)
	}
	slices.Reverse(services)
	r := newFixture(t, processRuntime{}, scripts, services...)
	r.eventually("all ready", r.super.AllReady)
	r.down()
	r.until("exited service=s0 ")
	at := func(text string) int {
		return slices.IndexFunc(r.seen, func(s string) bool { return strings.HasPrefix(s, text) })
	}
	for _, s := range services {
		for _, before := range s.Requires {
			if at("starting service="+s.Name) < at("ready service="+before) {
				t.Errorf("%s was started before %s was ready", s.Name, before)
			}
			if at("exited service="+before+" ") < at("exited service="+s.Name+" ") {
				t.Errorf("%s was stopped before %s", before, s.Name)
			}
		}
	}
}

func TestAfterAMilestone(t *testing.T) {
	t.Parallel()
	s := quick("web")
	s.After = []string{"network"}
	r := newFixture(t, processRuntime{}, map[string]string{"web": stay}, s)
	r.do(func() {
		if got := r.super.states(); got[0] != "web:waiting:0" {
			t.Errorf("picture %q before the milestone", got)
		}
		r.super.ReachMilestone("network")
	})
	r.until("ready service=web")
}

func TestRequiredServiceFails(t *testing.T) {
	t.Parallel()
	needs, after := quick("needs"), quick("after")
	needs.Requires, after.After = []string{"db"}, []string{"db"}
	r := newFixture(t, processRuntime{}, map[string]string{"db": "exit 1", "needs": stay, "after": stay}, quick("db"), needs, after)
	r.until("failed service=db")
	r.eventually("one failed, one ready", func() bool {
		return reflect.DeepEqual(r.super.states(), []string{"db:failed:4", "needs:failed:0", "after:ready:0"})
	})
}

func TestStop(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		script  string
		record  string
		stopped int
		killed  int
	}{
		"handles the signal": {
			script: "trap 'exit 5' TERM; echo up; while :; do sleep 0.01; done", record: "exited service=x code=5", stopped: 1,
			killed: 0,
		},
		"default action": {script: stay, record: "exited service=x signal=SIGTERM", stopped: 1},
		"ignores the signal": {
			script: "trap '' TERM; echo up; while :; do sleep 0.01; done", record: "exited service=x signal=SIGKILL", stopped: 0,
			killed: 1,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := quick("x")
			s.Stop.Timeout = time.Second
			r := newFixture(t, processRuntime{}, map[string]string{"x": tt.script}, s)
			r.until("ready service=x")
			r.down()
			r.until(tt.record)
			if stopped, killed := r.super.Count(); stopped != tt.stopped || killed != tt.killed {
				t.Errorf("stopped %d, killed %d", stopped, killed)
			}
		})
	}
}

// slowStart blocks Start until the shutdown.
type slowStart struct{ processRuntime }

func (s slowStart) Start(ctx context.Context, c container.Container) (*container.Process, error) {
	<-ctx.Done()
	if c.ID == "late" {
		return s.processRuntime.Start(context.Background(), c)
	}
	return nil, errors.New("interrupted")
}

func TestShutdownDuringStart(t *testing.T) {
	t.Parallel()
	r := newFixture(t, slowStart{}, map[string]string{"late": stay}, quick("late"), quick("never"))
	r.eventually("both are starting", func() bool { return r.super.starts == 2 })
	r.down()
	r.until("exited service=late signal=SIGTERM")
	if got := r.super.states(); !reflect.DeepEqual(got, []string{"late:stopped:0", "never:stopped:0"}) {
		t.Errorf("picture %q", got)
	}
}

func TestShutdownDuringBackoff(t *testing.T) {
	t.Parallel()
	s := quick("web")
	s.Backoff.Initial = time.Hour
	r := newFixture(t, processRuntime{}, map[string]string{"web": "exit 1"}, s)
	r.until("exited service=web")
	r.down()
	if got := r.super.states(); got[0] != "web:stopped:0" {
		t.Errorf("picture %q", got)
	}
}

func TestLogFiles(t *testing.T) {
	t.Parallel()
	r := newFixture(t, processRuntime{}, map[string]string{"web": "echo out; echo err >&2"}, quick("web"))
	r.until("exited service=web code=0")
	dir := filepath.Dir(r.super.units[0].Dir)
	for name, want := range map[string]string{"web.out.log": "out\n", "web.log": "err\n"} {
		if data, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(data) != want {
			t.Errorf("%s: %q, %v", name, data, err)
		}
	}
}

func TestBackoff(t *testing.T) {
	t.Parallel()
	b := FromConfig(config.DefaultService(""), "").Backoff
	var got []time.Duration
	for d := b.next(0); len(got) < 10; d = b.next(d) {
		got = append(got, d/time.Millisecond)
	}
	if want := []time.Duration{200, 400, 800, 1600, 3200, 6400, 12800, 25600, 30000, 30000}; !reflect.DeepEqual(got, want) {
		t.Errorf("pauses %v, want %v", got, want)
	}
}

func TestStartLimit(t *testing.T) {
	t.Parallel()
	l, now := StartLimit{Burst: 3, Interval: time.Minute}, time.Now()
	recent := []time.Time{now.Add(-50 * time.Second), now.Add(-time.Second), now}
	old := []time.Time{now.Add(-61 * time.Second), now.Add(-time.Second), now}
	if !l.reached(recent, now) || l.reached(old, now) {
		t.Error("want the limit reached by three starts within a minute, not by two")
	}
}

func TestOnFailedIsCalledOncePerService(t *testing.T) {
	t.Parallel()
	web, needs, fine := quick("web"), quick("needs"), quick("fine")
	web.MinUptime = time.Hour // never ready, however slow the host is
	web.After, needs.Requires = []string{"network"}, []string{"web"}
	r := newFixture(t, processRuntime{}, map[string]string{"web": "exit 3", "needs": stay, "fine": stay}, web, needs, fine)
	calls := map[string][]string{}
	r.do(func() {
		r.super.onFailed = func(service, reason string) { calls[service] = append(calls[service], reason) }
		r.super.ReachMilestone("network")
	})
	r.until("failed service=needs")
	r.down()
	want := map[string][]string{
		"web": {"code 3; started 5 times within 1m0s"}, "needs": {"required service web has failed"},
	}
	if !reflect.DeepEqual(calls, want) {
		t.Errorf("calls: %q, want %q", calls, want)
	}
}
