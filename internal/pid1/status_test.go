package pid1

import (
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/org/linuxkit-action/internal/pid1/console"
	"github.com/org/linuxkit-action/internal/pid1/control"
	"github.com/org/linuxkit-action/internal/pid1/record"
	"github.com/org/linuxkit-action/internal/pid1/supervise"
)

var update = flag.Bool("update", false, "write the golden files")

// golden compares got with a golden file, or writes it with -update.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := "testdata/golden/" + name + ".txt"
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil || got != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s%v", path, got, want, err)
	}
}

func TestStatusOutput(t *testing.T) {
	t.Parallel()
	s := snapshot{
		phase: "ready", now: time.Hour, origin: 2 * time.Second,
		onboot: []onbootStatus{{"sysctl", "0"}, {"dhcpcd", "SIGKILL"}, {"mount\x1b[2J", "error"}, {"metadata", "running"}},
		services: []supervise.Status{
			{Name: "web", State: supervise.Ready, Pid: 412, Since: time.Hour - 90*time.Second - 400*ms},
			{Name: "containerd", State: supervise.Exited, Restarts: 12, Since: time.Hour - 5*time.Second, Last: "signal SIGSEGV"},
			{Name: "db", State: supervise.Failed, Restarts: 4, Since: time.Minute, Last: "error no such file:\n/run/db"},
			{Name: "größe", State: supervise.Waiting, Since: 50 * time.Minute},
		},
	}
	volatile := strings.NewReplacer(Version, "VERSION", kernel(), "KERNEL")
	golden(t, "status", volatile.Replace(s.String()))
	golden(t, "status-early", volatile.Replace(snapshot{phase: "early", now: 300 * ms}.String()))
}

func TestHelpOutput(t *testing.T) {
	t.Parallel()
	golden(t, "help", usage)
	for line := range strings.Lines(usage) {
		command, isCommandLine := strings.CutPrefix(line, "  "+toolName+" ")
		if verb, _, _ := strings.Cut(command, " "); isCommandLine && !isCommand(verb) {
			t.Errorf("the help lists %s, which is not a command", verb)
		}
	}
}

func TestOperationResponse(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		status     supervise.Status
		done, stop bool
		want       control.Response
	}{
		"stopped": {
			status: supervise.Status{Name: "web", State: supervise.Stopped, Last: "signal SIGTERM"}, done: true, stop: true,
			want: control.Response{Text: "web: stopped, signal SIGTERM"},
		},
		"failed before": {
			status: supervise.Status{Name: "web", State: supervise.Failed, Last: "code 1"}, done: true, stop: true,
			want: control.Response{Text: "web: failed, code 1"},
		},
		"still stopping": {
			status: supervise.Status{Name: "web", State: supervise.Stopping}, done: false, stop: true,
			want: control.Response{Text: "web: stopping (still in progress)", Code: 1},
		},
		"started": {
			status: supervise.Status{Name: "web", State: supervise.Ready, Last: "code 1"}, done: true,
			want: control.Response{Text: "web: ready"},
		},
		"started and failed": {
			status: supervise.Status{Name: "web", State: supervise.Exited, Last: "code 1"}, done: true,
			want: control.Response{Text: "web: exited, code 1", Code: 1},
		},
		"waits for another": {
			status: supervise.Status{Name: "web", State: supervise.Waiting}, done: false,
			want: control.Response{Text: "web: waiting (still in progress)", Code: 1},
		},
	} {
		if got := operationResponse(tt.status, tt.done, tt.stop); got != tt.want {
			t.Errorf("%s: %+v, want %+v", name, got, tt.want)
		}
	}
}

func TestRecentRecords(t *testing.T) {
	t.Parallel()
	kept := &recent{}
	kept.Size = recentSize
	if got := kept.String(); got != "" {
		t.Errorf("no records: %q", got)
	}
	c := console.New()
	c.Start(kept)
	c.Emit(record.Start)
	c.Flush(wait)
	if got := kept.String(); !strings.HasPrefix(got, record.Prefix+"1 start ") || strings.Count(got, "\n") != 1 {
		t.Errorf("one record: %q", got)
	}
	for range 1000 {
		c.Log(console.Info, strings.Repeat("x", 200))
		c.Flush(wait)
	}
	got := kept.String()
	if len(got) > recentSize || len(got) < recentSize-1000 || !strings.Contains(got, record.Prefix+"1001 log ") {
		t.Errorf("%d bytes, ends with %q", len(got), got[len(got)-200:])
	}
	for line := range strings.Lines(got) {
		if _, whole := record.Find([]byte(line)); !whole || !strings.HasPrefix(line, record.Prefix) {
			t.Errorf("damaged: %q", line)
		}
	}
}

func TestEscape(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"web": "web", "a-b_c.d+e": "a-b_c.d+e", "a,b:c": "a%2Cb%3Ac", "100%": "100%25", "a b\n": "a%20b%0A",
		"ü": "%C3%BC", `"\`: "%22%5C", "": "",
	} {
		if got := escape(name); got != want {
			t.Errorf("%q: %s, want %s", name, got, want)
		}
	}
	longest := escape(strings.Repeat("\xff", 255)) + ":stopping:1000000" // NAME_MAX of Linux
	r := record.Record{Seq: 1 << 40, Event: record.State, Fields: split(nil, []string{longest}, partSize)[0].fields("shutdown", 1, 1)}
	if back, ok := record.Find(r.Append(nil)); !ok || back.Get("services") != longest {
		t.Errorf("the longest name is truncated: %s", r.Append(nil))
	}
}
