package pid1

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/org/linuxkit-action/internal/pid1/console"
	"github.com/org/linuxkit-action/internal/pid1/control"
	"github.com/org/linuxkit-action/internal/pid1/record"
)

// span is a part of the boot and its duration in whole milliseconds, so that consecutive
// spans add up to the total.
type span struct {
	name string
	took time.Duration
}

// uptime is console.Uptime in whole milliseconds.
func uptime() time.Duration { return console.Uptime().Truncate(time.Millisecond) }

// endSpan records the time from since to now, and sets since to now.
func (m *machine) endSpan(name string, since *time.Duration) {
	now := uptime()
	s := span{name, now - *since}
	*since = now
	m.loop.Post(func() { m.spans = append(m.spans, s) })
}

// bootTimes is an account of the time of a boot.
type bootTimes struct {
	total    time.Duration
	spans    []span // that add up to the total, slowest first
	parallel []span // services that the boot did not wait for
	complete bool   // all services were ready
}

const (
	servicePrefix = "service/"
	// waitingName is the name of the time in which the boot waited, but started no service.
	waitingName = "services/waiting"
)

// bootTimes returns the consecutive spans of the boot: its stages, and then the critical path
// of the services.
func (m *machine) bootTimes() bootTimes {
	b := bootTimes{total: uptime() - m.origin, complete: m.ready, spans: slices.Clone(m.spans)}
	if m.ready {
		b.total = m.readyAt - m.origin
	}
	from := m.origin
	for _, s := range m.spans {
		from += s.took
	}
	if m.services == nil {
		b.spans = append(b.spans, span{m.phase, m.origin + b.total - from})
		return b.sorted()
	}
	waiting := span{name: waitingName}
	for _, step := range m.services.CriticalPath(from, m.origin+b.total) {
		if step.Name == "" {
			waiting.took += step.Took
			continue
		}
		b.spans = append(b.spans, span{servicePrefix + step.Name, step.Took})
	}
	b.spans = append(b.spans, waiting)
	m.services.StartTimes(b.addParallel)
	return b.sorted()
}

// addParallel adds a service, unless it is on the critical path.
func (b *bootTimes) addParallel(name string, took time.Duration) {
	s := span{servicePrefix + name, took.Truncate(time.Millisecond)}
	if !slices.ContainsFunc(b.spans, func(other span) bool { return other.name == s.name }) {
		b.parallel = append(b.parallel, s)
	}
}

// sorted sorts the spans, slowest first, and drops those of 0 ms.
func (b bootTimes) sorted() bootTimes {
	b.spans = slices.DeleteFunc(b.spans, func(s span) bool { return s.took == 0 })
	for _, list := range [][]span{b.spans, b.parallel} {
		slices.SortStableFunc(list, func(x, y span) int { return cmp.Compare(y.took, x.took) })
	}
	return b
}

// barWidth is the width of a bar of 100 %.
const barWidth = 40

// String formats the times as tables.
func (b bootTimes) String() string {
	text := milliseconds(b.total) + " ms until all services were ready\n\n"
	if !b.complete {
		text = milliseconds(b.total) + " ms, boot in progress\n\n"
	}
	rows := [][]string{{"MS", "", "", "STEP"}}
	for _, s := range b.spans {
		share := int(100 * s.took / max(b.total, 1))
		bar := strings.Repeat("#", share*barWidth/100)
		rows = append(rows, []string{milliseconds(s.took), strconv.Itoa(share) + "%", bar, control.Sanitize(s.name)})
	}
	text += table(append(rows, []string{milliseconds(b.total), "100%", "", "total"}), 0, 1)
	if len(b.parallel) == 0 {
		return text
	}
	rows = [][]string{{"MS", "IN PARALLEL"}}
	for _, s := range b.parallel {
		rows = append(rows, []string{milliseconds(s.took), control.Sanitize(s.name)})
	}
	return text + "\n" + table(rows, 0)
}

// blameSize limits the list of spans, so that the record fits one line.
const blameSize = record.MaxLen - 80

// emitBlame writes the blame record.
func (m *machine) emitBlame() {
	b := m.bootTimes()
	m.console.Emit(record.Blame,
		record.Field{Key: record.KeyTotal, Value: milliseconds(b.total)},
		record.Field{Key: record.KeyItems, Value: b.items(blameSize)})
}

// items formats the spans as a list of at most size bytes, slowest first. The spans that do not fit
// are one item, "others", so that the list adds up to the total.
func (b bootTimes) items(size int) string {
	var text strings.Builder
	rest := b.total
	for i, s := range b.spans {
		item := escape(s.name) + ":" + milliseconds(s.took)
		others := ",others:" + milliseconds(rest)
		room := size - len(others)
		if i == len(b.spans)-1 {
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
		rest -= s.took
	}
	return strings.TrimPrefix(text.String(), ",")
}
