package console

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/org/linuxkit-action/internal/pid1/record"
)

// memory is a sink that keeps lines, and hangs while it is held.
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

func TestRecordsComeOutInOrderWithTheirTime(t *testing.T) {
	t.Parallel()
	c, sink := New(), &memory{}
	c.Emit(record.Start, record.Field{Key: "version", Value: "1"})
	c.Log(Debug, "not let through")
	c.Start(sink)
	c.SetLevel(Debug)
	c.Log(Debug, "let through")
	if !c.Flush(10 * time.Second) {
		t.Fatal("not flushed")
	}
	rs := sink.records(t)
	if len(rs) != 2 || rs[0].Event != record.Start || rs[1].Get("msg") != "let through" {
		t.Fatalf("got %+v", rs)
	}
	for i, r := range rs {
		if r.Seq != uint64(i+1) || r.Get("at") == "" {
			t.Errorf("record %d: seq %d, at %q", i, r.Seq, r.Get("at"))
		}
	}
}

func TestAConsoleThatHangsNeverBlocksAndTheLossIsSaid(t *testing.T) {
	t.Parallel()
	c, sink := New(), &memory{}
	sink.mu.Lock()
	c.Start(sink)
	const sent = 10 * queueLen
	for range sent {
		c.Emit(record.State)
	}
	if c.Flush(10 * time.Millisecond) {
		t.Fatal("Flush says that a console that hangs has taken all")
	}
	sink.mu.Unlock()
	if !c.Flush(10 * time.Second) {
		t.Fatal("not flushed")
	}
	c.Emit(record.Bye)
	c.Flush(10 * time.Second)
	rs := sink.records(t)
	said, last := rs[len(rs)-2], rs[len(rs)-1]
	if !strings.Contains(said.Get("msg"), "records lost") || last.Event != record.Bye || last.Seq != sent+2 {
		t.Errorf("ends with %+v and %+v", said, last)
	}
	if len(rs) > queueLen+4 {
		t.Errorf("%d records were kept for a console that hung", len(rs))
	}
}

func TestASinkThatPanicsDoesNotEndTheWriter(t *testing.T) {
	t.Parallel()
	c, sink := New(), &memory{}
	c.Start(broken{}, sink)
	c.Emit(record.Start)
	c.Emit(record.Bye)
	if !c.Flush(10*time.Second) || len(sink.records(t)) != 2 {
		t.Errorf("got %q", sink.lines)
	}
}

type broken struct{}

func (broken) WriteLine([]byte) { panic("broken sink") }

func TestParseLevel(t *testing.T) {
	t.Parallel()
	for _, l := range []Level{Debug, Info, Warn, Error} {
		if got, ok := ParseLevel(l.String()); !ok || got != l {
			t.Errorf("%v: %v, %v", l, got, ok)
		}
	}
	if got, ok := ParseLevel("loud"); ok || got != Info {
		t.Errorf("an unknown level gives %v, %v", got, ok)
	}
}

func TestAKmsgLineIsWholeForTheKernel(t *testing.T) {
	t.Parallel()
	long := record.Record{Seq: 1, Event: record.Log, Fields: []record.Field{{Key: "msg", Value: strings.Repeat("x", 2000)}}}
	got := string(kmsgLine(long.Append(nil)))
	if !strings.HasPrefix(got, "<6>linuxkit-init: 1 ") || !strings.HasSuffix(got, "\n") || strings.Count(got, "\n") != 1 || len(got) > 976 {
		t.Errorf("%d bytes: %.30q … %.10q", len(got), got, got[len(got)-10:])
	}
}
