package supervise

import (
	"context"
	"errors"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/org/linuxkit-action/internal/pid1/console"
	"github.com/org/linuxkit-action/internal/pid1/container"
)

// states returns NAME:STATE:RESTARTS of every service.
func (s *Supervisor) states() []string {
	var items []string
	for _, u := range s.units {
		items = append(items, u.Name+":"+string(u.state)+":"+strconv.Itoa(u.restarts))
	}
	return items
}

// operate calls Stop, Start or Restart on the loop.
func (r *fixture) operate(verb func(*Supervisor, string) error, name string, want error) {
	r.Helper()
	r.do(func() {
		if err := verb(r.super, name); !errors.Is(err, want) {
			r.Errorf("%s: %v, want %v", name, err, want)
		}
	})
}

// is waits until a service is in a state.
func (r *fixture) is(name string, state State) {
	r.Helper()
	r.eventually(name+" is "+string(state), func() bool { return r.super.byName[name].state == state })
}

// status returns the Status of a service.
func (r *fixture) status(name string) (found Status) {
	r.Helper()
	r.do(func() {
		for _, s := range r.super.Status() {
			if s.Name == name {
				found = s
			}
		}
	})
	return found
}

func TestStopThenStart(t *testing.T) {
	t.Parallel()
	s := quick("web")
	s.Restart = Always
	r := newFixture(t, processRuntime{}, map[string]string{"web": stay}, s)
	r.is("web", Ready)
	before := r.status("web")
	r.operate((*Supervisor).Stop, "web", nil)
	r.until("exited service=web signal=SIGTERM restarts=0")
	r.is("web", Stopped)
	after := r.status("web")
	if before.Pid == 0 || after.Pid != 0 || after.Last != "signal SIGTERM" || after.Since < before.Since || !after.Over() {
		t.Errorf("before %+v, after %+v", before, after)
	}
	r.operate((*Supervisor).Stop, "web", nil) // as it is
	r.operate((*Supervisor).Start, "web", nil)
	r.until("ready service=web")
	if got := r.status("web"); got.State != Ready || got.Restarts != 0 || got.Pid == before.Pid {
		t.Errorf("started again: %+v", got)
	}
	r.operate((*Supervisor).Start, "web", nil) // it runs
	if got := r.status("web"); got.State != Ready {
		t.Errorf("%+v", got)
	}
}

func TestRestart(t *testing.T) {
	t.Parallel()
	r := newFixture(t, processRuntime{}, map[string]string{"web": stay}, quick("web"))
	r.is("web", Ready)
	before := r.status("web")
	r.operate((*Supervisor).Restart, "web", nil)
	r.until("exited service=web signal=SIGTERM")
	r.until("ready service=web")
	if got := r.status("web"); got.Pid == before.Pid || got.Pid == 0 {
		t.Errorf("pid %d, before %d", got.Pid, before.Pid)
	}
}

func TestStartResetsStartLimit(t *testing.T) {
	t.Parallel()
	r := newFixture(t, processRuntime{}, map[string]string{"web": "exit 3"}, quick("web"))
	for range 2 {
		r.until("failed service=web reason=code 3; started 5 times")
		if got := r.status("web"); got.State != Failed || got.Last != "code 3" {
			t.Errorf("%+v", got)
		}
		r.operate((*Supervisor).Stop, "web", nil) // no effect on a service that is over
		if got := r.status("web"); got.State != Failed {
			t.Errorf("%+v", got)
		}
		r.seen = nil
		r.operate((*Supervisor).Start, "web", nil)
	}
	r.until("failed service=web reason=code 3")
	if n := strings.Count(strings.Join(r.seen, "\n"), "starting service=web"); n != 5 {
		t.Errorf("started %d times, want 5", n)
	}
}

func TestStartEndsBackoff(t *testing.T) {
	t.Parallel()
	s := quick("web")
	s.Backoff.Initial = time.Hour
	once := filepath.Join(t.TempDir(), "once")
	script := "test -e " + once + " && exec sleep 1000; touch " + once + "; exit 1"
	r := newFixture(t, processRuntime{}, map[string]string{"web": script}, s)
	r.until("exited service=web code=1")
	r.operate((*Supervisor).Start, "web", nil)
	r.until("ready service=web")
}

func TestStopWithoutProcess(t *testing.T) {
	t.Parallel()
	backoff, waiting := quick("backoff"), quick("waiting")
	backoff.Backoff.Initial, waiting.After = time.Hour, []string{"never"}
	r := newFixture(t, processRuntime{}, map[string]string{"backoff": "exit 1", "waiting": stay}, backoff, waiting)
	r.until("exited service=backoff code=1")
	for _, name := range []string{"backoff", "waiting"} {
		r.operate((*Supervisor).Stop, name, nil)
		if got := r.status(name); got.State != Stopped {
			t.Errorf("%+v", got)
		}
	}
	r.operate((*Supervisor).Start, "waiting", nil)
	if got := r.status("waiting"); got.State != Waiting {
		t.Errorf("%+v: its milestone is not reached", got)
	}
}

// slowStop is a script that needs a moment to stop.
const slowStop = "trap 'sleep 0.2; exit 0' TERM; while :; do sleep 0.01; done"

func TestLastOperationWins(t *testing.T) {
	t.Parallel()
	r := newFixture(t, processRuntime{}, map[string]string{"up": slowStop, "down": slowStop}, quick("up"), quick("down"))
	r.is("up", Ready)
	r.is("down", Ready)
	r.operate((*Supervisor).Stop, "up", nil)
	r.operate((*Supervisor).Start, "up", nil)
	r.operate((*Supervisor).Restart, "down", nil)
	r.operate((*Supervisor).Stop, "down", nil)
	r.is("down", Stopped)
	r.is("up", Ready)
	if got := r.status("up"); got.Last != "code 0" {
		t.Errorf("%+v: not stopped in between", got)
	}
}

func TestStopTimeoutBeforeShutdownIsNotCounted(t *testing.T) {
	t.Parallel()
	s := quick("x")
	s.Stop.Timeout = 100 * time.Millisecond
	r := newFixture(t, processRuntime{}, map[string]string{"x": "trap '' TERM; while :; do sleep 0.01; done"}, s)
	r.is("x", Ready)
	if got := r.status("x"); got.StopTime != s.Stop.Timeout+killWait {
		t.Errorf("stop time %v", got.StopTime)
	}
	r.operate((*Supervisor).Stop, "x", nil)
	r.is("x", Stopped)
	r.down()
	if stopped, killed := r.super.Count(); stopped != 1 || killed != 0 {
		t.Errorf("stopped %d, killed %d; want 1 and 0", stopped, killed)
	}
}

func TestOperateErrors(t *testing.T) {
	t.Parallel()
	r := newFixture(t, processRuntime{}, map[string]string{"web": stay}, quick("web"))
	for _, verb := range []func(*Supervisor, string) error{(*Supervisor).Stop, (*Supervisor).Start, (*Supervisor).Restart} {
		r.operate(verb, "wbe", ErrUnknown)
	}
	r.is("web", Ready)
	r.do(r.super.Shutdown)
	for _, verb := range []func(*Supervisor, string) error{(*Supervisor).Stop, (*Supervisor).Start, (*Supervisor).Restart} {
		r.operate(verb, "web", ErrShuttingDown)
	}
}

func TestShutdownDuringOperations(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		script string
		before func(r *fixture)
	}{
		"restarting": {slowStop, func(r *fixture) { r.operate((*Supervisor).Restart, "x", nil) }},
		"stopping":   {slowStop, func(r *fixture) { r.operate((*Supervisor).Stop, "x", nil) }},
		"stopped":    {stay, func(r *fixture) { r.operate((*Supervisor).Stop, "x", nil); r.is("x", Stopped) }},
		"waiting after a start": {stay, func(r *fixture) {
			r.operate((*Supervisor).Stop, "x", nil)
			r.is("x", Stopped)
			r.operate((*Supervisor).Start, "x", nil)
		}},
		"restarting, waiting":  {stay, func(r *fixture) { r.operate((*Supervisor).Restart, "x", nil); r.is("x", Waiting) }},
		"restarting, starting": {stay, func(r *fixture) { r.operate((*Supervisor).Restart, "x", nil); r.is("x", Starting) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newFixture(t, slowDelete{}, map[string]string{"x": tt.script}, quick("x"))
			r.is("x", Ready)
			tt.before(r)
			r.down()
			if got := r.status("x"); got.State != Stopped || got.Pid != 0 {
				t.Errorf("%+v", got)
			}
		})
	}
}

// slowDelete delays Delete.
type slowDelete struct{ processRuntime }

func (slowDelete) Delete(ctx context.Context, _ container.Container) error {
	select {
	case <-time.After(200 * time.Millisecond):
	case <-ctx.Done():
	}
	return nil
}

// exclusiveRuntime rejects a start while the container of the last one is not deleted, as runc
// does.
type exclusiveRuntime struct {
	processRuntime
	taken chan struct{}
}

func (e exclusiveRuntime) Start(ctx context.Context, c container.Container) (*container.Process, error) {
	select {
	case e.taken <- struct{}{}:
		return e.processRuntime.Start(ctx, c)
	default:
		return nil, errors.New("container with given ID already exists")
	}
}

func (e exclusiveRuntime) Delete(ctx context.Context, c container.Container) error {
	err := slowDelete{}.Delete(ctx, c)
	<-e.taken
	return err
}

func TestStartWaitsForDelete(t *testing.T) {
	t.Parallel()
	r := newFixture(t, exclusiveRuntime{taken: make(chan struct{}, 1)}, map[string]string{"web": stay}, quick("web"))
	r.is("web", Ready)
	r.operate((*Supervisor).Stop, "web", nil)
	r.is("web", Stopped)
	r.operate((*Supervisor).Start, "web", nil)
	r.until("ready service=web")
	r.operate((*Supervisor).Restart, "web", nil)
	r.until("ready service=web")
	if all := strings.Join(r.seen, "\n"); strings.Contains(all, "already exists") {
		t.Errorf("started before the delete:\n%s", all)
	}
}

func TestCriticalPath(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	service := func(name string, begun, ready time.Duration, after ...string) *unit {
		u := &unit{Service: Service{Name: name, After: after}}
		u.times.begun, u.times.ready = begun*ms, ready*ms
		return u
	}
	for name, tt := range map[string]struct {
		units []*unit
		want  []Step
	}{
		"no services": {nil, []Step{{"", 100 * ms}}},
		"one":         {[]*unit{service("a", 110, 190)}, []Step{{"", 10 * ms}, {"a", 80 * ms}, {"", 10 * ms}}},
		"parallel":    {[]*unit{service("a", 100, 150), service("b", 100, 200)}, []Step{{"b", 100 * ms}}},
		"chain": {
			[]*unit{service("a", 100, 130), service("b", 100, 140), service("c", 145, 200, "network", "a", "b"), service("d", 100, 199)},
			[]Step{{"b", 40 * ms}, {"", 5 * ms}, {"c", 55 * ms}},
		},
		"after a failed one":     {[]*unit{service("a", 100, 0), service("b", 150, 200, "a")}, []Step{{"", 50 * ms}, {"b", 50 * ms}}},
		"ready after the end":    {[]*unit{service("a", 100, 200), service("b", 250, 300, "a")}, []Step{{"a", 100 * ms}}},
		"begun before the start": {[]*unit{service("a", 90, 200)}, []Step{{"a", 100 * ms}}},
	} {
		s := &Supervisor{units: tt.units, byName: map[string]*unit{}}
		for _, u := range tt.units {
			s.byName[u.Name] = u
		}
		got := s.CriticalPath(100*ms, 200*ms)
		var sum time.Duration
		for _, step := range got {
			sum += step.Took
		}
		if !reflect.DeepEqual(got, tt.want) || sum != 100*ms {
			t.Errorf("%s: %v, want %v; sum %v", name, got, tt.want, sum)
		}
	}
}

func TestCriticalPathOfRunningServices(t *testing.T) {
	t.Parallel()
	from := console.Uptime().Truncate(time.Millisecond)
	second := quick("second")
	second.Requires = []string{"first"}
	r := newFixture(t, processRuntime{}, map[string]string{"first": stay, "second": stay}, quick("first"), second)
	r.eventually("all ready", r.super.AllReady)
	r.do(func() {
		var names []string
		var sum time.Duration
		to := console.Uptime().Truncate(time.Millisecond)
		for _, step := range r.super.CriticalPath(from, to) {
			sum += step.Took
			if step.Name != "" {
				names = append(names, step.Name)
			}
		}
		if !reflect.DeepEqual(names, []string{"first", "second"}) || sum != to-from {
			t.Errorf("path %q, sum %v of %v", names, sum, to-from)
		}
	})
}
