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

// Picture returns NAME:STATE:RESTARTS of every service.
func (s *Supervisor) Picture() []string {
	var items []string
	for _, u := range s.units {
		items = append(items, u.Name+":"+string(u.state)+":"+strconv.Itoa(u.restarts))
	}
	return items
}

// operate calls Stop, Start or Restart on the loop.
func (r *rig) operate(verb func(*Supervisor, string) error, name string, want error) {
	r.Helper()
	r.do(func() {
		if err := verb(r.super, name); !errors.Is(err, want) {
			r.Errorf("%s: %v, want %v", name, err, want)
		}
	})
}

// is waits until a service is in a state.
func (r *rig) is(name string, state State) {
	r.Helper()
	r.eventually(name+" is "+string(state), func() bool { return r.super.byName[name].state == state })
}

// status returns what an operator gets to know of a service.
func (r *rig) status(name string) (found Status) {
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

func TestWhatIsStoppedByHandStaysDownUntilItIsStarted(t *testing.T) {
	t.Parallel()
	s := quick("web")
	s.Restart = Always
	r := newRig(t, plain{}, map[string]string{"web": stay}, s)
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
		t.Errorf("started again: %+v; nobody but the operator has restarted it", got)
	}
	r.operate((*Supervisor).Start, "web", nil) // it runs
	if got := r.status("web"); got.State != Ready {
		t.Errorf("%+v", got)
	}
}

func TestARestartIsAnotherProcess(t *testing.T) {
	t.Parallel()
	r := newRig(t, plain{}, map[string]string{"web": stay}, quick("web"))
	r.is("web", Ready)
	before := r.status("web")
	r.operate((*Supervisor).Restart, "web", nil)
	r.until("exited service=web signal=SIGTERM")
	r.until("ready service=web")
	if got := r.status("web"); got.Pid == before.Pid || got.Pid == 0 {
		t.Errorf("pid %d, before %d", got.Pid, before.Pid)
	}
}

func TestAFailedServiceHasAllItsStartsAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t, plain{}, map[string]string{"web": "exit 3"}, quick("web"))
	for range 2 {
		r.until("failed service=web reason=code 3; started 5 times")
		if got := r.status("web"); got.State != Failed || got.Last != "code 3" {
			t.Errorf("%+v", got)
		}
		r.operate((*Supervisor).Stop, "web", nil) // it is over, and why stays to be seen
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

func TestAStartEndsTheBackOff(t *testing.T) {
	t.Parallel()
	s := quick("web")
	s.Backoff.Initial = time.Hour
	once := filepath.Join(t.TempDir(), "once")
	r := newRig(t, plain{}, map[string]string{"web": "test -e " + once + " && exec sleep 1000; touch " + once + "; exit 1"}, s)
	r.until("exited service=web code=1")
	r.operate((*Supervisor).Start, "web", nil)
	r.until("ready service=web")
}

func TestAStopDuringTheBackOffOrTheWaitIsOverAtOnce(t *testing.T) {
	t.Parallel()
	resting, waiting := quick("resting"), quick("waiting")
	resting.Backoff.Initial, waiting.After = time.Hour, []string{"never"}
	r := newRig(t, plain{}, map[string]string{"resting": "exit 1", "waiting": stay}, resting, waiting)
	r.until("exited service=resting code=1")
	for _, name := range []string{"resting", "waiting"} {
		r.operate((*Supervisor).Stop, name, nil)
		if got := r.status(name); got.State != Stopped {
			t.Errorf("%+v", got)
		}
	}
	r.operate((*Supervisor).Start, "waiting", nil)
	if got := r.status("waiting"); got.State != Waiting {
		t.Errorf("%+v: it comes after what has not come", got)
	}
}

func TestTheLastWishCounts(t *testing.T) {
	t.Parallel()
	slow := "trap 'sleep 0.2; exit 0' TERM; while :; do sleep 0.01; done"
	r := newRig(t, plain{}, map[string]string{"up": slow, "down": slow}, quick("up"), quick("down"))
	r.is("up", Ready)
	r.is("down", Ready)
	r.operate((*Supervisor).Stop, "up", nil)
	r.operate((*Supervisor).Start, "up", nil)
	r.operate((*Supervisor).Restart, "down", nil)
	r.operate((*Supervisor).Stop, "down", nil)
	r.is("down", Stopped)
	r.is("up", Ready)
	if got := r.status("up"); got.Last != "code 0" {
		t.Errorf("%+v: it was not stopped in between", got)
	}
}

func TestADeafServiceIsKilledByItsDeadlineAndDoesNotCountAtTheShutdown(t *testing.T) {
	t.Parallel()
	s := quick("x")
	s.Stop.Timeout = 100 * time.Millisecond
	r := newRig(t, plain{}, map[string]string{"x": "trap '' TERM; while :; do sleep 0.01; done"}, s)
	r.is("x", Ready)
	if got := r.status("x"); got.Patience != s.Stop.Timeout+killWait {
		t.Errorf("patience %v", got.Patience)
	}
	r.operate((*Supervisor).Stop, "x", nil)
	r.is("x", Stopped)
	r.down()
	if stopped, killed := r.super.Count(); stopped != 1 || killed != 0 {
		t.Errorf("stopped %d, killed %d: it was killed before the shutdown", stopped, killed)
	}
}

func TestWhoIsNotThere(t *testing.T) {
	t.Parallel()
	r := newRig(t, plain{}, map[string]string{"web": stay}, quick("web"))
	for _, verb := range []func(*Supervisor, string) error{(*Supervisor).Stop, (*Supervisor).Start, (*Supervisor).Restart} {
		r.operate(verb, "wbe", ErrUnknown)
	}
	r.is("web", Ready)
	r.do(r.super.Shutdown)
	for _, verb := range []func(*Supervisor, string) error{(*Supervisor).Stop, (*Supervisor).Start, (*Supervisor).Restart} {
		r.operate(verb, "web", ErrShuttingDown)
	}
}

func TestShutdownInEveryStateOfAnOperation(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		script string
		before func(r *rig)
	}{
		"being restarted": {"trap 'sleep 0.2; exit 0' TERM; while :; do sleep 0.01; done", func(r *rig) { r.operate((*Supervisor).Restart, "x", nil) }},
		"being stopped":   {"trap 'sleep 0.2; exit 0' TERM; while :; do sleep 0.01; done", func(r *rig) { r.operate((*Supervisor).Stop, "x", nil) }},
		"stopped":         {stay, func(r *rig) { r.operate((*Supervisor).Stop, "x", nil); r.is("x", Stopped) }},
		"just started": {stay, func(r *rig) {
			r.operate((*Supervisor).Stop, "x", nil)
			r.is("x", Stopped)
			r.operate((*Supervisor).Start, "x", nil)
		}},
		"restarted, waits":  {stay, func(r *rig) { r.operate((*Supervisor).Restart, "x", nil); r.is("x", Waiting) }},
		"restarted, starts": {stay, func(r *rig) { r.operate((*Supervisor).Restart, "x", nil); r.is("x", Starting) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, unhurried{}, map[string]string{"x": tt.script}, quick("x"))
			r.is("x", Ready)
			tt.before(r)
			r.down()
			if got := r.status("x"); got.State != Stopped || got.Pid != 0 {
				t.Errorf("%+v", got)
			}
		})
	}
}

// unhurried takes its time to forget a container, and starts none by the name of one that it knows.
type unhurried struct{ plain }

func (unhurried) Delete(ctx context.Context, _ container.Container) error {
	select {
	case <-time.After(200 * time.Millisecond):
	case <-ctx.Done():
	}
	return nil
}

// exclusive refuses to start a container whose name is taken, as runc does.
type exclusive struct {
	plain
	taken chan struct{}
}

func (e exclusive) Start(ctx context.Context, c container.Container) (*container.Process, error) {
	select {
	case e.taken <- struct{}{}:
		return e.plain.Start(ctx, c)
	default:
		return nil, errors.New("container with given ID already exists")
	}
}

func (e exclusive) Delete(ctx context.Context, c container.Container) error {
	err := unhurried{}.Delete(ctx, c)
	<-e.taken
	return err
}

func TestAStartWaitsUntilTheLastContainerIsForgotten(t *testing.T) {
	t.Parallel()
	r := newRig(t, exclusive{taken: make(chan struct{}, 1)}, map[string]string{"web": stay}, quick("web"))
	r.is("web", Ready)
	r.operate((*Supervisor).Stop, "web", nil)
	r.is("web", Stopped)
	r.operate((*Supervisor).Start, "web", nil)
	r.until("ready service=web")
	r.operate((*Supervisor).Restart, "web", nil)
	r.until("ready service=web")
	if all := strings.Join(r.seen, "\n"); strings.Contains(all, "already exists") {
		t.Errorf("a start came too early:\n%s", all)
	}
}

func TestTheCriticalPathFillsTheTime(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	service := func(name string, begun, through time.Duration, after ...string) *unit {
		u := &unit{Service: Service{Name: name, After: after}}
		u.times.begun, u.times.through = begun*ms, through*ms
		return u
	}
	for name, tt := range map[string]struct {
		units []*unit
		want  []Step
	}{
		"no services":  {nil, []Step{{"", 100 * ms}}},
		"one":          {[]*unit{service("a", 110, 190)}, []Step{{"", 10 * ms}, {"a", 80 * ms}, {"", 10 * ms}}},
		"side by side": {[]*unit{service("a", 100, 150), service("b", 100, 200)}, []Step{{"b", 100 * ms}}},
		"a chain": {
			[]*unit{service("a", 100, 130), service("b", 100, 140), service("c", 145, 200, "network", "a", "b"), service("d", 100, 199)},
			[]Step{{"b", 40 * ms}, {"", 5 * ms}, {"c", 55 * ms}},
		},
		"one after another that failed": {[]*unit{service("a", 100, 0), service("b", 150, 200, "a")}, []Step{{"", 50 * ms}, {"b", 50 * ms}}},
		"one that came later":           {[]*unit{service("a", 100, 200), service("b", 250, 300, "a")}, []Step{{"a", 100 * ms}}},
		"began before, by the clock":    {[]*unit{service("a", 90, 200)}, []Step{{"a", 100 * ms}}},
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

func TestTheCriticalPathOfRealServices(t *testing.T) {
	t.Parallel()
	from := console.Uptime().Truncate(time.Millisecond)
	second := quick("second")
	second.Requires = []string{"first"}
	r := newRig(t, plain{}, map[string]string{"first": stay, "second": stay}, quick("first"), second)
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
