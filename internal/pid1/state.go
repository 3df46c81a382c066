package pid1

import (
	"strconv"
	"strings"

	"github.com/org/linuxkit-action/internal/pid1/record"
)

// partSize limits the lists in one state record, so that the record fits record.MaxLen together
// with the prefix, the sequence number, the phase, the time and the CRC.
const partSize = record.MaxLen - 140 - killsSize

// killsSize limits the list of services whose processes were killed for lack of memory.
const killsSize = 100

func (m *machine) setPhase(name string) {
	if m.stopping == nil {
		m.phase = name
	}
}

// emitState writes the state of all containers if it has changed. A lost record is repaired by the
// next one.
func (m *machine) emitState() {
	var onboot, services, kills []string
	for _, e := range m.onboot {
		onboot = append(onboot, escape(e.name)+":"+e.result)
	}
	if m.services != nil {
		for _, s := range m.services.Status() {
			services = append(services, escape(s.Name)+":"+string(s.State)+":"+strconv.Itoa(s.Restarts))
			item := escape(s.Name) + ":" + strconv.Itoa(s.OOMKills)
			if s.OOMKills > 0 && len(strings.Join(kills, ","))+len(item) < killsSize {
				kills = append(kills, item)
			}
		}
	}
	state := m.phase + " " + strings.Join(onboot, ",") + " " + strings.Join(services, ",") + " " + strings.Join(kills, ",")
	if state == m.lastState {
		return
	}
	m.lastState = state
	parts := split(onboot, services, partSize)
	for i, p := range parts {
		fields := p.fields(m.phase, i+1, len(parts))
		if i == 0 && len(kills) > 0 {
			fields = append(fields, record.Field{Key: record.KeyOOM, Value: strings.Join(kills, ",")})
		}
		m.console.Emit(record.State, fields...)
	}
}

// escape encodes a name for a list: bytes that separate items, that a record would quote, and "%"
// itself are written as %XX. The names that the builder accepts contain none of them.
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

// part is the part of the two lists that goes into one record.
type part struct {
	onboot, services []string
	size             int
}

// split distributes the lists over as many parts as needed; items are never cut.
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
