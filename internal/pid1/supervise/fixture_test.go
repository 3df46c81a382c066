package supervise

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/org/linuxkit-action/internal/pid1/config"
	"github.com/org/linuxkit-action/internal/pid1/console"
	"github.com/org/linuxkit-action/internal/pid1/container"
	"github.com/org/linuxkit-action/internal/pid1/guard"
	"github.com/org/linuxkit-action/internal/pid1/loop"
	"github.com/org/linuxkit-action/internal/pid1/process"
	"github.com/org/linuxkit-action/internal/pid1/record"
)

const wait = 30 * time.Second

// reaper reaps every child of the test process, so all tests share it.
var reaper = func() *process.Reaper {
	r := process.NewReaper()
	go r.Reap(nil)
	return r
}()

// processRuntime is a runtime without containers: it runs the script "run" of a bundle as a
// process.
type processRuntime struct{}

func (processRuntime) Start(ctx context.Context, c container.Container) (*container.Process, error) {
	script := filepath.Join(c.Bundle, "run")
	if _, err := os.Stat(script); err != nil {
		return nil, err
	}
	child, err := reaper.Start(process.Program{
		Args: []string{"/bin/sh", script}, Env: []string{"PATH=/usr/bin:/bin"},
		Stdin: c.Stdin, Stdout: c.Stdout, Stderr: c.Stderr, Files: c.Files,
	})
	if err != nil {
		return nil, err
	}
	return &container.Process{Child: child}, nil
}

func (processRuntime) Delete(context.Context, container.Container) error { return nil }

// fixture is a supervisor on a loop that collects its records.
type fixture struct {
	*testing.T
	super   *Supervisor
	dir     string // with the bundles, logs and sockets
	loop    *loop.Loop
	cancel  func()
	records chan record.Record
	seen    []string
}

func (r *fixture) WriteLine(line []byte) {
	if rec, ok := record.Find(line); ok {
		r.records <- rec
	}
}

// newFixture supervises services, each with its script, until the test ends.
func newFixture(t *testing.T, rt container.Runtime, scripts map[string]string, services ...Service) *fixture {
	t.Helper()
	null, err := process.DevNull()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(context.Background())
	r := &fixture{T: t, dir: dir, cancel: cancel, records: make(chan record.Record, 1000)}
	for i := range services {
		services[i].Dir = filepath.Join(dir, services[i].Name)
		if script, found := scripts[services[i].Name]; found {
			if err := os.MkdirAll(services[i].Dir, 0o755); err != nil {
				t.Fatal(err)
			}
			for file, text := range map[string]string{"run": script, "config.json": "{}"} {
				if err := os.WriteFile(filepath.Join(services[i].Dir, file), []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	c := console.New()
	c.Start(r)
	r.loop = loop.New(func() { r.super.Advance() })
	spawn := func(what string, fn func(context.Context)) { guard.Go(what, func() { fn(ctx) }) }
	r.super = New(Options{
		Go: spawn, Loop: r.loop, Console: c, Runtime: rt, Reaper: reaper, Null: null, LogDir: dir, RunDir: dir,
	}, services)
	r.super.probes.Interval = 10 * time.Millisecond
	stop := make(chan struct{})
	go r.loop.Run(stop)
	t.Cleanup(func() { r.down(); close(stop) })
	r.do(func() {})
	return r
}

// do runs fn on the loop.
func (r *fixture) do(fn func()) {
	done := make(chan struct{})
	r.loop.Post(func() { fn(); close(done) })
	<-done
}

// down shuts down and waits until all services are over.
func (r *fixture) down() {
	r.do(r.super.Shutdown)
	r.cancel()
	r.eventually("all services are over", func() bool { return r.super.Over() })
}

// eventually waits until a condition holds on the loop.
func (r *fixture) eventually(what string, holds func() bool) {
	r.Helper()
	for end := time.Now().Add(wait); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		ok := false
		r.do(func() { ok = holds() })
		if ok {
			return
		}
	}
	r.Fatalf("timed out: %s; seen %q", what, r.seen)
}

// until waits for a record that begins with text. It adds the records read to seen.
func (r *fixture) until(text string) record.Record {
	r.Helper()
	deadline := time.After(wait)
	for {
		select {
		case rec := <-r.records:
			r.seen = append(r.seen, show(rec))
			if strings.HasPrefix(show(rec), text) {
				return rec
			}
		case <-deadline:
			r.Fatalf("timed out: %s; seen %q", text, r.seen)
		}
	}
}

// show formats a record without the fields that differ between runs.
func show(r record.Record) string {
	s := r.Event
	for _, f := range r.Fields {
		if f.Key != "at" && f.Key != "ms" && f.Key != "pid" {
			s += " " + f.Key + "=" + f.Value
		}
	}
	return s
}

// quick is a service with short pauses.
func quick(name string) Service {
	s := FromConfig(config.DefaultService(name), "")
	s.MinUptime = 100 * time.Millisecond
	s.Backoff = Backoff{Initial: 5 * time.Millisecond, Max: 20 * time.Millisecond}
	return s
}
