package supervise

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// pair returns db and web, which requires it.
func pair() (db, web Service) {
	db, web = quick("db"), quick("web")
	web.Requires = []string{"db"}
	return db, web
}

func TestRestartStartsARequiredServiceThatIsStopped(t *testing.T) {
	t.Parallel()
	db, web := pair()
	r := newFixture(t, processRuntime{}, map[string]string{"db": stay, "web": stay}, db, web)
	r.is("web", Ready)
	r.operate((*Supervisor).Stop, "db", nil)
	r.is("db", Stopped)
	r.is("web", Ready) // it is not touched
	r.operate((*Supervisor).Restart, "web", nil)
	r.until("exited service=web")
	r.until("ready service=db")
	r.until("ready service=web")
}

func TestFailedServiceStartsAgainWithTheRequiredOne(t *testing.T) {
	t.Parallel()
	db, web := pair()
	app := quick("app")
	app.Requires = []string{"web"}
	fixed := filepath.Join(t.TempDir(), "fixed")
	scripts := map[string]string{"db": "test -e " + fixed + " || exit 1; " + stay, "web": stay, "app": stay}
	r := newFixture(t, processRuntime{}, scripts, db, web, app)
	r.until("failed service=app reason=required service web has failed")
	if s := r.status("web"); s.Why != "required service db has failed" {
		t.Errorf("why: %q", s.Why)
	}
	if err := os.WriteFile(fixed, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	r.operate((*Supervisor).Start, "db", nil)
	r.until("ready service=app")
}

func TestServiceStopsWithTheRequiredOne(t *testing.T) {
	t.Parallel()
	db, web := pair()
	web.StopWith = web.Requires
	r := newFixture(t, processRuntime{}, map[string]string{"db": stay, "web": stay}, db, web)
	r.is("web", Ready)
	r.operate((*Supervisor).Stop, "db", nil)
	r.is("web", Stopped)
	if s := r.status("web"); s.Why != "stopped with db" {
		t.Errorf("why: %q", s.Why)
	}
	r.operate((*Supervisor).Start, "db", nil)
	r.is("web", Ready)
	r.operate((*Supervisor).Stop, "web", nil) // by the operator: it stays stopped
	r.operate((*Supervisor).Stop, "db", nil)
	r.is("db", Stopped)
	r.operate((*Supervisor).Start, "db", nil)
	r.is("db", Ready)
	r.is("web", Stopped)
}

func TestWhyAServiceWaits(t *testing.T) {
	t.Parallel()
	db, web := pair()
	db.After, db.Backoff.Initial = []string{"network"}, time.Hour
	r := newFixture(t, processRuntime{}, map[string]string{"db": "exit 1", "web": stay}, db, web)
	for name, want := range map[string]string{"db": "waits for the milestone network", "web": "waits for db, which is waiting"} {
		if s := r.status(name); s.Why != want {
			t.Errorf("%s: %q, want %q", name, s.Why, want)
		}
	}
	r.do(func() {
		s := r.super.Status()
		r.super.Details(s)
		if len(s[0].NeededBy) != 1 || s[0].NeededBy[0] != "web" || len(s[1].NeededBy) != 0 {
			t.Errorf("needed by: %+v", s)
		}
		r.super.ReachMilestone("network")
	})
	r.is("db", Exited)
	r.eventually("db waits for its restart", func() bool { return r.super.units[0].pause > 0 })
	if s := r.status("db"); s.Why != "starts again in 1h0m0s" {
		t.Errorf("db: %q", s.Why)
	}
}
