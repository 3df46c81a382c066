package pid1

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/org/linuxkit-action/internal/pid1/console"
	"github.com/org/linuxkit-action/internal/pid1/record"
	"github.com/org/linuxkit-action/internal/pid1/snapshot"
)

// span is a part of the boot.
type span = snapshot.Span

// uptime is console.Uptime in whole milliseconds.
func uptime() time.Duration { return console.Uptime().Truncate(time.Millisecond) }

// endSpan records the time from since to now, and sets since to now.
func (m *machine) endSpan(name string, since *time.Duration) {
	now := uptime()
	s := span{Name: name, Took: now - *since}
	*since = now
	m.loop.Post(func() { m.spans = append(m.spans, s) })
}

// bootTimes is an account of the time of a boot.
type bootTimes struct{ snapshot.Boot }

const (
	servicePrefix = "service/"
	// waitingName is the name of the time in which the boot waited, but started no service.
	waitingName = "services/waiting"
)

// bootTimes returns the consecutive spans of the boot: its stages, and then the critical path
// of the services.
func (m *machine) bootTimes() bootTimes {
	b := bootTimes{snapshot.Boot{Total: uptime() - m.origin, Complete: m.ready, Spans: slices.Clone(m.spans)}}
	if m.ready {
		b.Total = m.readyAt - m.origin
	}
	from := m.origin
	for _, s := range m.spans {
		from += s.Took
	}
	if m.services == nil {
		b.Spans = append(b.Spans, span{Name: m.phase, Took: m.origin + b.Total - from})
		return b.sorted()
	}
	waiting := span{Name: waitingName}
	for _, step := range m.services.CriticalPath(from, m.origin+b.Total) {
		if step.Name == "" {
			waiting.Took += step.Took
			continue
		}
		b.Spans = append(b.Spans, span{Name: servicePrefix + step.Name, Took: step.Took})
	}
	b.Spans = append(b.Spans, waiting)
	m.services.StartTimes(b.addParallel)
	return b.sorted()
}

// addParallel adds a service, unless it is on the critical path.
func (b *bootTimes) addParallel(name string, took time.Duration) {
	s := span{Name: servicePrefix + name, Took: took.Truncate(time.Millisecond)}
	if !slices.ContainsFunc(b.Spans, func(other span) bool { return other.Name == s.Name }) {
		b.Parallel = append(b.Parallel, s)
	}
}

// sorted sorts the spans, slowest first, and drops those of 0 ms.
func (b bootTimes) sorted() bootTimes {
	b.Spans = slices.DeleteFunc(b.Spans, func(s span) bool { return s.Took == 0 })
	for _, list := range [][]span{b.Spans, b.Parallel} {
		slices.SortStableFunc(list, func(x, y span) int { return cmp.Compare(y.Took, x.Took) })
	}
	return b
}

// blameSize limits the list of spans, so that the record fits one line.
const blameSize = record.MaxLen - 80

// emitBlame writes the blame record.
func (m *machine) emitBlame() {
	b := m.bootTimes()
	m.console.Emit(record.Blame,
		record.Field{Key: record.KeyTotal, Value: milliseconds(b.Total)},
		record.Field{Key: record.KeyItems, Value: b.items(blameSize)})
}

// items formats the spans as a list of at most size bytes, slowest first. The spans that do not fit
// are one item, "others", so that the list adds up to the total.
func (b bootTimes) items(size int) string {
	var text strings.Builder
	rest := b.Total
	for i, s := range b.Spans {
		item := escape(s.Name) + ":" + milliseconds(s.Took)
		others := ",others:" + milliseconds(rest)
		room := size - len(others)
		if i == len(b.Spans)-1 {
			room = size // there are no others
		}
		if text.Len()+1+len(item) > room {
			text.WriteString(others)
			break
		}
		if i > 0 {
			text.WriteByte(',')
		}
		text.WriteString(item)
		rest -= s.Took
	}
	return strings.TrimPrefix(text.String(), ",")
}
