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
	"github.com/org/linuxkit-action/internal/pid1/process"
)

const stay = "exec sleep 1000"

func TestACrashLoopBacksOffAndGivesUpWithItsLastWords(t *testing.T) {
	t.Parallel()
	r := newRig(t, plain{}, map[string]string{"web": "echo no config >&2; exit 3"}, quick("web"))
	r.until("failed service=web reason=code 3; started 5 times within 1m0s tail=no config")
	var want []string
	for restarts := range 5 {
		want = append(want, "starting service=web", "exited service=web code=3 restarts="+strconv.Itoa(restarts)+" tail="+strings.Repeat("no config\n", restarts)+"no config")
	}
	if got := r.seen[:len(r.seen)-1]; !reflect.DeepEqual(got, want) {
		t.Errorf("seen %q, want %q: and never ready", got, want)
	}
	if got := r.super.Picture(); !reflect.DeepEqual(got, []string{"web:failed:4"}) {
		t.Errorf("picture %q", got)
	}
}

func TestReadyIsWhatStaysAlive(t *testing.T) {
	t.Parallel()
	r := newRig(t, plain{}, map[string]string{"web": stay, "once": "exit 0"}, quick("web"), quick("once"))
	rec := r.until("ready service=web")
	if ms, err := strconv.Atoi(rec.Get("ms")); err != nil || ms < 100 {
		t.Errorf("ready after %q ms, before it has settled", rec.Get("ms"))
	}
	r.eventually("all ready or done", r.super.AllReady)
	r.do(func() {
		if got := r.super.Picture(); !reflect.DeepEqual(got, []string{"web:ready:0", "once:done:0"}) {
			t.Errorf("picture %q", got)
		}
		r.super.Took(func(name string, d time.Duration) {
			if name != "web" || d < 100*time.Millisecond {
				t.Errorf("%s took %v", name, d)
			}
		})
	})
}

func TestASignalIsToldApartFromACode(t *testing.T) {
	t.Parallel()
	once := quick("web")
	once.Restart = Never
	r := newRig(t, plain{}, map[string]string{"web": "kill -SEGV $$"}, once)
	r.until("exited service=web signal=SIGSEGV restarts=0")
	r.until("failed service=web reason=signal SIGSEGV")
}

func TestPolicies(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		policy Restart
		script string
		last   string
	}{
		"never, well":       {policy: Never, script: "exit 0", last: "exited service=x code=0 restarts=0"},
		"on-failure, well":  {policy: OnFailure, script: "exit 0", last: "exited service=x code=0 restarts=0"},
		"always, well":      {policy: Always, script: "exit 0", last: "exited service=x code=0 restarts=2"},
		"on-failure, badly": {policy: OnFailure, script: "exit 1", last: "exited service=x code=1 restarts=2"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := quick("x")
			s.Restart = tt.policy
			newRig(t, plain{}, map[string]string{"x": tt.script}, s).until(tt.last)
		})
	}
}

func TestARestartedServiceIsReadyAgain(t *testing.T) {
	t.Parallel()
	once := filepath.Join(t.TempDir(), "once")
	r := newRig(t, plain{}, map[string]string{"web": "test -e " + once + " && exec sleep 1000; touch " + once + "; sleep 0.3; exit 1"}, quick("web"))
	r.until("ready service=web")
	r.until("exited service=web code=1 restarts=0")
	r.until("ready service=web")
	if got := r.super.Picture(); got[0] != "web:ready:1" {
		t.Errorf("picture %q", got)
	}
}

func TestAStartThatFailsIsReportedAndTriedAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t, plain{}, nil, quick("web"))
	r.until("exited service=web error=stat ")
	rec := r.until("failed service=web")
	if !strings.Contains(rec.Get("reason"), "no such file") {
		t.Errorf("reason %q", rec.Get("reason"))
	}
}

func TestWithoutARuntimeEveryServiceSaysSo(t *testing.T) {
	t.Parallel()
	r := newRig(t, container.None{}, nil, quick("a"), quick("b"))
	for range 2 {
		if rec := r.until("failed service="); !strings.Contains(rec.Get("reason"), "there is no runc") {
			t.Errorf("reason %q", rec.Get("reason"))
		}
	}
}

// broken panics, and hangs, in the places where a runtime is called.
type broken struct{ plain }

func (broken) Start(context.Context, container.Container) (*container.Process, error) {
	panic("broken runtime")
}

func TestAPanicInAStartCostsThatStartAlone(t *testing.T) {
	t.Parallel()
	r := newRig(t, broken{}, map[string]string{"web": stay}, quick("web"))
	r.until("failed service=web reason=error starting it panicked")
}

func TestOrderOfAGraph(t *testing.T) {
	t.Parallel()
	scripts := map[string]string{}
	var services []Service
	for i := range 30 {
		s := quick("s" + strconv.Itoa(i))
		s.Settle = time.Millisecond
		for _, before := range []int{i / 2, i - 7} {
			if before >= 0 && before < i {
				s.Requires = append(s.Requires, "s"+strconv.Itoa(before))
			}
		}
		scripts[s.Name] = stay
		services = append(services, s)
	}
	slices.Reverse(services)
	r := newRig(t, plain{}, scripts, services...)
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
	r := newRig(t, plain{}, map[string]string{"web": stay}, s)
	r.do(func() {
		if got := r.super.Picture(); got[0] != "web:waiting:0" {
			t.Errorf("picture %q before the milestone", got)
		}
		r.super.Reach("network")
	})
	r.until("ready service=web")
}

func TestWhatRequiresAFailedServiceFails(t *testing.T) {
	t.Parallel()
	needs, after := quick("needs"), quick("after")
	needs.Requires, after.After = []string{"db"}, []string{"db"}
	r := newRig(t, plain{}, map[string]string{"db": "exit 1", "needs": stay, "after": stay}, quick("db"), needs, after)
	r.until("failed service=db")
	r.eventually("one failed, one ready", func() bool {
		return reflect.DeepEqual(r.super.Picture(), []string{"db:failed:4", "needs:failed:0", "after:ready:0"})
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
		"by its signal": {
			script: "trap 'exit 5' TERM; echo up; while :; do sleep 0.01; done", record: "exited service=x code=5", stopped: 1,
			killed: 0,
		},
		"by default": {script: stay, record: "exited service=x signal=SIGTERM", stopped: 1, killed: 0},
		"deaf, so it's hard": {
			script: "trap '' TERM; echo up; while :; do sleep 0.01; done", record: "exited service=x signal=SIGKILL", stopped: 0,
			killed: 1,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := quick("x")
			s.Stop.Timeout = time.Second
			r := newRig(t, plain{}, map[string]string{"x": tt.script}, s)
			r.until("ready service=x")
			r.down()
			r.until(tt.record)
			if stopped, killed := r.super.Count(); stopped != tt.stopped || killed != tt.killed {
				t.Errorf("stopped %d, killed %d", stopped, killed)
			}
		})
	}
}

// slow starts only when the machine goes down.
type slow struct{ plain }

func (s slow) Start(ctx context.Context, c container.Container) (*container.Process, error) {
	<-ctx.Done()
	if c.ID == "late" {
		return s.plain.Start(context.Background(), c)
	}
	return nil, errors.New("interrupted")
}

func TestShutdownDuringAStart(t *testing.T) {
	t.Parallel()
	r := newRig(t, slow{}, map[string]string{"late": stay}, quick("late"), quick("never"))
	r.eventually("both are starting", func() bool { return r.super.starts == 2 })
	r.down()
	r.until("exited service=late signal=SIGTERM")
	if got := r.super.Picture(); !reflect.DeepEqual(got, []string{"late:stopped:0", "never:stopped:0"}) {
		t.Errorf("picture %q", got)
	}
}

func TestShutdownDuringTheBackOff(t *testing.T) {
	t.Parallel()
	s := quick("web")
	s.Backoff.Initial = time.Hour
	r := newRig(t, plain{}, map[string]string{"web": "exit 1"}, s)
	r.until("exited service=web")
	r.down()
	if got := r.super.Picture(); got[0] != "web:stopped:0" {
		t.Errorf("picture %q", got)
	}
}

func TestLogsAreWhereLinuxKitPutsThem(t *testing.T) {
	t.Parallel()
	r := newRig(t, plain{}, map[string]string{"web": "echo out; echo err >&2"}, quick("web"))
	r.until("exited service=web code=0")
	dir := filepath.Dir(r.super.units[0].Dir)
	for name, want := range map[string]string{"web.out.log": "out\n", "web.log": "err\n"} {
		if data, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(data) != want {
			t.Errorf("%s: %q, %v", name, data, err)
		}
	}
}

func TestBackoffDoublesToItsMaximum(t *testing.T) {
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

func TestStartLimitForgetsOldStarts(t *testing.T) {
	t.Parallel()
	l, now := StartLimit{Burst: 3, Interval: time.Minute}, time.Now()
	recent := []time.Time{now.Add(-50 * time.Second), now.Add(-time.Second), now}
	old := []time.Time{now.Add(-61 * time.Second), now.Add(-time.Second), now}
	if !l.reached(recent, now) || l.reached(old, now) {
		t.Error("three within a minute are too many, two are not")
	}
}

func TestOutcomeNamesSignals(t *testing.T) {
	t.Parallel()
	if got := outcomeOf(process.Lost); got != (outcome{"signal", "SIGKILL"}) || got.well() {
		t.Errorf("%+v", got)
	}
}
