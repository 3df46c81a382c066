package pid1

import (
	"strings"
	"testing"

	"github.com/org/linuxkit-action/internal/pid1/console"
	"github.com/org/linuxkit-action/internal/pid1/control"
	"github.com/org/linuxkit-action/internal/pid1/record"
	"github.com/org/linuxkit-action/internal/pid1/supervise"
)

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
