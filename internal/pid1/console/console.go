// Package console writes the records of PID 1 (package record) to the kernel log or to a
// terminal.
//
// Emit never blocks: it assigns a number and a time to the record and puts it into a
// bounded queue, from which one goroutine writes. If a console hangs the queue fills, and
// further records are dropped. They are counted and reported as soon as there is room, and
// their numbers are missing from the sequence.
package console

import (
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/org/linuxkit-action/internal/pid1/guard"
	"github.com/org/linuxkit-action/internal/pid1/record"
)

// queueLen is the capacity of the queue in records: at most 240 KiB.
const queueLen = 256

// Level is the severity of a log record.
type Level int

// Levels, in ascending order. Their names are those of record.KeyLevel and INIT_LOG_LEVEL.
const (
	Debug Level = iota
	Info
	Warn
	Error
)

var levelNames = [...]string{"debug", "info", "warn", "error"}

func (l Level) String() string { return levelNames[l] }

// ParseLevel returns the level with a name, or Info and false.
func ParseLevel(name string) (Level, bool) {
	for i, n := range levelNames {
		if n == name {
			return Level(i), true
		}
	}
	return Info, false
}

// Sink writes lines, which have no newline. It may block.
type Sink interface{ WriteLine(line []byte) }

// entry is a line to write, or a channel to close when all entries before are written.
type entry struct {
	line    []byte
	flushed chan<- struct{}
}

// Console is the queue of records and its writer.
type Console struct {
	mu      sync.Mutex
	level   Level
	seq     uint64
	dropped int
	queue   chan entry
}

// New returns a console that queues records until Start.
func New() *Console {
	return &Console{level: Info, queue: make(chan entry, queueLen)}
}

// Start starts to write each line to all sinks.
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

// SetLevel sets the lowest level that Log emits.
func (c *Console) SetLevel(l Level) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.level = l
}

// Log emits a log record if its level is high enough.
func (c *Console) Log(l Level, msg string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if l >= c.level {
		c.emit(record.Log, logFields(l, msg))
	}
}

// Emit queues a record. It never blocks.
func (c *Console) Emit(event string, fields ...record.Field) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.emit(event, fields)
}

func (c *Console) emit(event string, fields []record.Field) {
	if c.dropped > 0 && len(c.queue)+1 < cap(c.queue) {
		msg := strconv.Itoa(c.dropped) + " records lost: the console is too slow"
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

// Flush waits for at most d until all records before it are written, and returns whether
// they are.
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

// Uptime returns the time since the kernel started, which all records use. It includes
// the time in suspend, and does not change when the clock is set.
func Uptime() time.Duration {
	var ts unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts) != nil {
		return 0 // does not happen: every supported kernel has this clock
	}
	return time.Duration(ts.Nano())
}
