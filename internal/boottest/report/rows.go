package report

import (
	"slices"

	"github.com/org/linuxkit-action/internal/boottest/judge"
)

// row is one bar of a timeline.
type row struct {
	Kind  string // stage, onboot, service, probe
	Name  string
	State string
	From  int64 // milliseconds since power-on
	To    int64
}

func (r row) length() int64 { return r.To - r.From }

// rows returns the stages in their order, then everything else, slowest first.
func (b Boot) rows() []row {
	var stages, units []row
	for _, s := range b.Stages {
		stages = append(stages, row{Kind: "stage", Name: s.Name, From: s.FromMS, To: max(s.FromMS, s.ToMS)})
	}
	add := func(kind string, list []judge.Unit) {
		for _, u := range list {
			units = append(units, row{Kind: kind, Name: u.Name, State: u.State, From: u.FromMS, To: max(u.FromMS, u.ToMS)})
		}
	}
	add("onboot", b.Onboot)
	add("service", b.Services)
	add("probe", b.Probes)
	slices.SortStableFunc(units, func(x, y row) int { return int(y.length() - x.length()) })
	return append(stages, units...)
}

// end is the last moment of the boot, in milliseconds, at least 1.
func (b Boot) end() int64 {
	last := int64(1)
	for _, r := range b.rows() {
		last = max(last, r.To)
	}
	return last
}
