// Package console carries the records of PID 1 to whoever watches the machine.
//
// Emit never waits: it numbers the record, stamps it and puts it into a bounded
// queue, from which one goroutine writes. A console that hangs fills the queue
// and nothing else; what did not fit is counted and said as soon as there is
// room, and its number is missing from the sequence.
package console

import (
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/org/linuxkit-action/internal/pid1/guard"
	"github.com/org/linuxkit-action/internal/pid1/record"
)

// queueLen bounds the memory of a console that hangs: 256 records of at most
// record.MaxLen bytes are 240 KiB.
const queueLen = 256

// Level orders log records by how much they matter.
type Level int

// Levels, as INIT_LOG_LEVEL names them.
const (
	Debug Level = iota
	Info
	Warn
	Error
)

var levelNames = [...]string{"debug", "info", "warn", "error"}

func (l Level) String() string { return levelNames[l] }

// ParseLevel returns the level of that name.
func ParseLevel(name string) (Level, bool) {
	for i, n := range levelNames {
		if n == name {
			return Level(i), true
		}
	}
	return Info, false
}

// Sink takes whole lines, without a newline. It may hang.
type Sink interface{ WriteLine(line []byte) }

// entry is one thing for the writer to do: write a line, or tell that it got here.
type entry struct {
	line    []byte
	flushed chan<- struct{}
}

// Console is the queue and its writer.
type Console struct {
	mu      sync.Mutex
	level   Level
	seq     uint64
	dropped int
	queue   chan entry
}

// New returns a console that keeps what it is given until Start.
func New() *Console {
	return &Console{level: Info, queue: make(chan entry, queueLen)}
}

// Start begins to write to the sinks, each line to all of them.
func (c *Console) Start(sinks ...Sink) {
	guard.Go("console writer", func() {
		for e := range c.queue {
			for _, s := range sinks {
				if e.line != nil {
					guard.Do("console write", func() { s.WriteLine(e.line) })
				}
			}
			if e.flushed != nil {
				close(e.flushed)
			}
		}
	})
}

// SetLevel sets what Log lets through.
func (c *Console) SetLevel(l Level) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.level = l
}

// Log emits a log record, if its level is let through.
func (c *Console) Log(l Level, msg string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if l >= c.level {
		c.emit(record.Log, logFields(l, msg))
	}
}

// Emit queues a record. It never waits.
func (c *Console) Emit(event string, fields ...record.Field) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.emit(event, fields)
}

func (c *Console) emit(event string, fields []record.Field) {
	if c.dropped > 0 && len(c.queue)+1 < cap(c.queue) {
		msg := strconv.Itoa(c.dropped) + " records lost: the console does not keep up"
		c.dropped = 0
		c.push(record.Log, logFields(Warn, msg))
	}
	c.push(event, fields)
}

func (c *Console) push(event string, fields []record.Field) {
	c.seq++
	at := record.Field{Key: record.KeyAt, Value: strconv.FormatInt(Uptime().Milliseconds(), 10)}
	r := record.Record{Seq: c.seq, Event: event, Fields: append(fields[:len(fields):len(fields)], at)}
	select {
	case c.queue <- entry{line: r.Append(nil)}:
	default:
		c.dropped++
	}
}

func logFields(l Level, msg string) []record.Field {
	return []record.Field{{Key: record.KeyLevel, Value: l.String()}, {Key: record.KeyMessage, Value: msg}}
}

// Flush waits, no longer than d, until all that was emitted before it is
// written, and returns whether it was.
func (c *Console) Flush(d time.Duration) bool {
	deadline := time.After(d)
	flushed := make(chan struct{})
	select {
	case c.queue <- entry{flushed: flushed}:
	case <-deadline:
		return false
	}
	select {
	case <-flushed:
		return true
	case <-deadline:
		return false
	}
}

// Uptime returns the time since the kernel started, the clock of every record.
// It counts while the machine sleeps and does not jump when the clock is set.
func Uptime() time.Duration {
	var ts unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts) != nil {
		return 0 // no kernel that Go runs on lacks the clock; the record is still worth sending
	}
	return time.Duration(ts.Nano())
}
