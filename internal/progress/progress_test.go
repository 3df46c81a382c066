package progress

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"sync"
	"testing"
)

// report calls every method of a reporter.
func report(r Reporter) {
	r.Step("assemble")
	task := r.Begin("kernel", 4)
	_, _ = io.Copy(io.Discard, Reader(strings.NewReader("1234"), task))
	task.Done(true)
	task.Done(true)
	r.Begin("broken", 4).Done(false)
	r.Note("%d of %d", 1, 2)
	r.Close()
}

func TestPlainPrintsOneLineForEachTask(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	r, err := New("auto", &out)
	if err != nil {
		t.Fatal(err)
	}
	report(r)
	want := "• assemble\n  kernel                                 4 B    0.0 s\n  1 of 2\n"
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

func TestJSONPrintsOneObjectALine(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	r, err := New("json", &out)
	if err != nil {
		t.Fatal(err)
	}
	report(r)
	var events []event
	for dec := json.NewDecoder(&out); dec.More(); {
		var e event
		if err := dec.Decode(&e); err != nil {
			t.Fatal(err)
		}
		events = append(events, e)
	}
	if len(events) != 4 || events[0].Event != "step" || events[1].Bytes != 4 || !*events[1].OK || *events[2].OK ||
		events[3].Text != "1 of 2" {
		t.Errorf("got %+v", events)
	}
}

func TestBarsKeepNotes(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	r, err := New("tty", &out)
	if err != nil {
		t.Fatal(err)
	}
	report(r)
	report(r) // a second step, with bars of its own
	if got := out.String(); strings.Count(got, "assemble") != 2 || !strings.Contains(got, "1 of 2") {
		t.Errorf("got %q", got)
	}
}

func TestReportersAreSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"plain", "tty", "json"} {
		var out bytes.Buffer
		r, err := New(mode, &out)
		if err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				task := r.Begin("x", 10)
				task.Add(10)
				task.Done(true)
				r.Note("done")
			})
		}
		all.Wait()
		r.Close()
	}
}

func TestRejectsUnknownMode(t *testing.T) {
	t.Parallel()
	_, err := New("loud", io.Discard)
	if err == nil || !strings.Contains(err.Error(), `"loud": must be one of [auto tty plain json]`) {
		t.Errorf("got %v", err)
	}
}

func TestLinesReportsNotes(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	_, _ = io.WriteString(Lines(&plain{w: &out}), "one\ntwo\n")
	if out.String() != "  one\n  two\n" {
		t.Errorf("got %q", out.String())
	}
}

func TestBytesFormatsDecimalUnits(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{
		0: "0 B", 999: "999 B", 1000: "1.0 kB", 71_000_000: "71.0 MB", 4_200_000_000: "4.2 GB", 5e15: "5000.0 TB",
	} {
		if got := Bytes(n); got != want {
			t.Errorf("Bytes(%d) = %s, want %s", n, got, want)
		}
	}
}
