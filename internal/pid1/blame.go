package pid1

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/org/linuxkit-action/internal/pid1/console"
	"github.com/org/linuxkit-action/internal/pid1/record"
)

// mark is how long one step of the boot took.
type mark struct {
	name string
	took time.Duration
}

// mark notes how long a step took.
func (m *machine) mark(name string, took time.Duration) {
	m.loop.Post(func() { m.marks = append(m.marks, mark{name, took}) })
}

// markTime notes the time since a moment, which it sets to now.
func (m *machine) markTime(name string, since *time.Duration) {
	now := console.Uptime()
	m.mark(name, now-*since)
	*since = now
}

// blameSize bounds the list so that the record fits a line; what does not fit is the fastest.
const blameSize = record.MaxLen - 80

// showBlame says where the boot time went, the slowest first. The steps up to
// onboot follow one another and the services start side by side, so the former
// and the slowest service make up the total.
func (m *machine) showBlame() {
	marks := slices.Clone(m.marks)
	m.services.Took(func(name string, d time.Duration) { marks = append(marks, mark{"service/" + name, d}) })
	m.console.Emit(record.Blame, record.Field{Key: "total", Value: milliseconds(console.Uptime() - m.origin)},
		record.Field{Key: "items", Value: blame(marks, blameSize)})
}

func blame(marks []mark, size int) string {
	slices.SortStableFunc(marks, func(a, b mark) int { return cmp.Compare(b.took, a.took) })
	var items strings.Builder
	for _, x := range marks {
		item := x.name + ":" + milliseconds(x.took)
		if items.Len()+1+len(item) > size {
			break
		}
		if items.Len() > 0 {
			items.WriteByte(',')
		}
		items.WriteString(item)
	}
	return items.String()
}
