package pid1

import (
	"strconv"
	"strings"

	"github.com/org/linuxkit-action/internal/pid1/record"
)

// partSize bounds the lists in one state record, so that with the prefix, the
// number, the phase, the time and the CRC it fits record.MaxLen.
const partSize = record.MaxLen - 140

func (m *machine) setPhase(name string) {
	if m.ending == nil {
		m.phase = name
	}
}

// showState emits the whole picture if it is another than the last one shown.
// A record that got lost is healed by the next.
func (m *machine) showState() {
	var onboot, services []string
	for _, e := range m.onboot {
		onboot = append(onboot, escape(e.name)+":"+e.result)
	}
	if m.services != nil {
		for _, s := range m.services.Status() {
			services = append(services, escape(s.Name)+":"+string(s.State)+":"+strconv.Itoa(s.Restarts))
		}
	}
	picture := m.phase + " " + strings.Join(onboot, ",") + " " + strings.Join(services, ",")
	if picture == m.picture {
		return
	}
	m.picture = picture
	parts := split(onboot, services, partSize)
	for i, p := range parts {
		m.console.Emit(record.State, p.fields(m.phase, i+1, len(parts))...)
	}
}

// escape makes a name fit for a list: it writes what separates items, what a
// record would quote, and "%" itself as %XX. The names that this project's
// builder lets through have none of these.
func escape(name string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(name) {
		c := name[i]
		if c <= ' ' || c > '~' || strings.IndexByte(`,:%"\`, c) >= 0 {
			b.WriteString("%" + string(hex[c>>4]) + string(hex[c&15]))
			continue
		}
		b.WriteByte(c)
	}
	return b.String()
}

// part is what of the two lists goes into one record.
type part struct {
	onboot, services []string
	size             int
}

// split spreads the lists over as many parts as they need; an item is never cut.
func split(onboot, services []string, size int) []part {
	parts := []part{{}}
	last := func(item string) *part {
		need := len(strconv.QuoteToASCII(item)) + 1
		if p := &parts[len(parts)-1]; p.size > 0 && p.size+need > size {
			parts = append(parts, part{})
		}
		p := &parts[len(parts)-1]
		p.size += need
		return p
	}
	for _, item := range onboot {
		p := last(item)
		p.onboot = append(p.onboot, item)
	}
	for _, item := range services {
		p := last(item)
		p.services = append(p.services, item)
	}
	return parts
}

func (p part) fields(phase string, number, of int) []record.Field {
	fields := []record.Field{
		{Key: record.KeyPhase, Value: phase},
		{Key: record.KeyOnboot, Value: strings.Join(p.onboot, ",")},
		{Key: record.KeyServices, Value: strings.Join(p.services, ",")},
	}
	if of > 1 {
		fields = append(fields, record.Field{Key: record.KeyPart, Value: strconv.Itoa(number) + "/" + strconv.Itoa(of)})
	}
	return fields
}
