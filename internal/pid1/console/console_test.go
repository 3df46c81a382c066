package console

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/org/linuxkit-action/internal/pid1/record"
)

// memory is a sink that stores lines. It hangs while mu is locked.
type memory struct {
	mu    sync.Mutex
	lines []string
}

func (m *memory) WriteLine(line []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lines = append(m.lines, string(line))
}

func (m *memory) records(t *testing.T) []record.Record {
	t.Helper()
	var rs []record.Record
	for _, line := range m.lines {
		r, ok := record.Find([]byte(line))
		if !ok {
			t.Fatalf("damaged: %q", line)
		}
		rs = append(rs, r)
	}
	return rs
}

func TestRecordsAreNumberedInOrder(t *testing.T) {
	t.Parallel()
	c, sink := New(), &memory{}
	c.Emit(record.Start, record.Field{Key: record.KeyVersion, Value: "1"})
	c.Log(Debug, "below the level")
	c.Start(sink)
	c.SetLevel(Debug)
	c.Log(Debug, "emitted")
	if !c.Flush(10 * time.Second) {
		t.Fatal("not flushed")
	}
	rs := sink.records(t)
	if len(rs) != 2 || rs[0].Event != record.Start || rs[1].Get(record.KeyMessage) != "emitted" {
		t.Fatalf("got %+v", rs)
	}
	for i, r := range rs {
		if r.Seq != uint64(i+1) || r.Get(record.KeyAt) == "" {
			t.Errorf("record %d: seq %d, at %q", i, r.Seq, r.Get(record.KeyAt))
		}
	}
}

func TestEmitDoesNotBlockAndReportsLostRecords(t *testing.T) {
	t.Parallel()
	c, sink := New(), &memory{}
	sink.mu.Lock()
	c.Start(sink)
	const sent = 10 * queueLen
	for range sent {
		c.Emit(record.State)
	}
	if c.Flush(10 * time.Millisecond) {
		t.Fatal("Flush is true while the sink hangs")
	}
	sink.mu.Unlock()
	if !c.Flush(10 * time.Second) {
		t.Fatal("not flushed")
	}
	c.Emit(record.Bye)
	c.Flush(10 * time.Second)
	rs := sink.records(t)
	warning, last := rs[len(rs)-2], rs[len(rs)-1]
	if !strings.Contains(warning.Get(record.KeyMessage), "records lost") || last.Event != record.Bye || last.Seq != sent+2 {
		t.Errorf("ends with %+v and %+v", warning, last)
	}
	if len(rs) > queueLen+4 {
		t.Errorf("%d records were queued, want at most %d", len(rs), queueLen+4)
	}
}

func TestWriterSurvivesPanicOfSink(t *testing.T) {
	t.Parallel()
	c, sink := New(), &memory{}
	c.Start(panicSink{}, sink)
	c.Emit(record.Start)
	c.Emit(record.Bye)
	if !c.Flush(10*time.Second) || len(sink.records(t)) != 2 {
		t.Errorf("got %q", sink.lines)
	}
}

type panicSink struct{}

func (panicSink) WriteLine([]byte) { panic("test") }

func TestParseLevel(t *testing.T) {
	t.Parallel()
	for _, l := range []Level{Debug, Info, Warn, Error} {
		if got, ok := ParseLevel(l.String()); !ok || got != l {
			t.Errorf("%v: %v, %v", l, got, ok)
		}
	}
	if got, ok := ParseLevel("loud"); ok || got != Info {
		t.Errorf("unknown level: %v, %v", got, ok)
	}
}

func TestKmsgLine(t *testing.T) {
	t.Parallel()
	long := record.Record{Seq: 1, Event: record.Log, Fields: []record.Field{
		{Key: record.KeyMessage, Value: strings.Repeat("x", 2000)},
	}}
	got := string(kmsgLine(long.Append(nil)))
	if !strings.HasPrefix(got, "<6>linuxkit-init: 1 ") || strings.Index(got, "\n") != len(got)-1 || len(got) > 976 {
		t.Errorf("%d bytes: %.30q … %.10q", len(got), got, got[len(got)-10:])
	}
}

func TestRecordsThatTheKernelDoesNotPrint(t *testing.T) {
	t.Parallel()
	for levels, want := range map[string]bool{
		"7\t4\t1\t7\n": true, "10\t4\t1\t7\n": true, "15": true, "6\t4\t1\t7\n": false, "4\t4\t1\t7\n": false,
		"1\t4\t1\t7\n": false, "0\t4\t1\t7\n": false, "": false,
	} {
		if got := prints([]byte(levels)); got != want {
			t.Errorf("%q: printed %t", levels, got)
		}
	}
}
