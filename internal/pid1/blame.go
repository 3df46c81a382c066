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

// mark is how long one step of the boot took, in whole milliseconds, so that
// steps that follow one another add up to the time of all.
type mark struct {
	name string
	took time.Duration
}

// clock is console.Uptime in whole milliseconds.
func clock() time.Duration { return console.Uptime().Truncate(time.Millisecond) }

// mark notes how long a step took.
func (m *machine) mark(name string, took time.Duration) {
	m.loop.Post(func() { m.marks = append(m.marks, mark{name, took}) })
}

// markTime notes the time since a moment, which it sets to now.
func (m *machine) markTime(name string, since *time.Duration) {
	now := clock()
	m.mark(name, now-*since)
	*since = now
}

// account says where the time of a boot went.
type account struct {
	total  time.Duration
	parts  []mark // that make up the total, the slowest first
	beside []mark // services that started while others did
	over   bool   // all services were ready; else it is an account so far
}

// waiting is the time in which no service was being started that the next one waited for.
const waiting = "services/waiting"

// account adds the steps up, which follow one another, and then the services
// that the boot waited for, one after another.
func (m *machine) account() account {
	a := account{total: clock() - m.origin, over: m.ready, parts: slices.Clone(m.marks)}
	if m.ready {
		a.total = m.readyAt - m.origin
	}
	from := m.origin
	for _, x := range m.marks {
		from += x.took
	}
	if m.services == nil {
		a.parts = append(a.parts, mark{m.phase, m.origin + a.total - from})
		return a.sorted()
	}
	idle := mark{name: waiting}
	for _, step := range m.services.CriticalPath(from, m.origin+a.total) {
		if step.Name == "" {
			idle.took += step.Took
			continue
		}
		a.parts = append(a.parts, mark{servicePrefix + step.Name, step.Took})
	}
	a.parts = append(a.parts, idle)
	m.services.Took(a.besides)
	return a.sorted()
}

const servicePrefix = "service/"

// besides adds a service that the boot did not wait for.
func (a *account) besides(name string, took time.Duration) {
	x := mark{servicePrefix + name, took.Truncate(time.Millisecond)}
	if !slices.ContainsFunc(a.parts, func(part mark) bool { return part.name == x.name }) {
		a.beside = append(a.beside, x)
	}
}

// sorted puts the slowest first, and drops what took no time.
func (a account) sorted() account {
	a.parts = slices.DeleteFunc(a.parts, func(x mark) bool { return x.took == 0 })
	for _, list := range [][]mark{a.parts, a.beside} {
		slices.SortStableFunc(list, func(a, b mark) int { return cmp.Compare(b.took, a.took) })
	}
	return a
}

// barWidth is how long the bar of the whole boot would be.
const barWidth = 40

// String shows it as a table.
func (a account) String() string {
	text := milliseconds(a.total) + " ms until all services were ready\n\n"
	if !a.over {
		text = milliseconds(a.total) + " ms, and the boot is not over\n\n"
	}
	rows := [][]string{{"MS", "", "", "STEP"}}
	for _, x := range a.parts {
		share := int(100 * x.took / max(a.total, 1))
		rows = append(rows, []string{milliseconds(x.took), strconv.Itoa(share) + "%", strings.Repeat("#", share*barWidth/100), control.Plain(x.name)})
	}
	text += table(append(rows, []string{milliseconds(a.total), "100%", "", "sum"}), 0, 1)
	if len(a.beside) == 0 {
		return text
	}
	rows = [][]string{{"MS", "BESIDE THESE"}}
	for _, x := range a.beside {
		rows = append(rows, []string{milliseconds(x.took), control.Plain(x.name)})
	}
	return text + "\n" + table(rows, 0)
}

// blameSize bounds the list so that the record fits a line.
const blameSize = record.MaxLen - 80

// showBlame says where the boot time went.
func (m *machine) showBlame() {
	a := m.account()
	m.console.Emit(record.Blame, record.Field{Key: record.KeyTotal, Value: milliseconds(a.total)}, record.Field{Key: record.KeyItems, Value: a.items(blameSize)})
}

// items lists the parts, the slowest first. What does not fit is one item at
// the end, so that the list adds up to the total as well.
func (a account) items(size int) string {
	var text strings.Builder
	rest := a.total
	for i, x := range a.parts {
		item := escape(x.name) + ":" + milliseconds(x.took)
		others := ",others:" + milliseconds(rest)
		room := size - len(others)
		if i == len(a.parts)-1 {
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
		rest -= x.took
	}
	return strings.TrimPrefix(text.String(), ",")
}
