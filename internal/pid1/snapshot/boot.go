package snapshot

import (
	"time"

	"github.com/org/linuxkit-action/internal/pid1/record"
)

// Boot is the answer to blame: an account of the time of a boot.
type Boot struct {
	Total    time.Duration
	Complete bool   // all services were ready
	Spans    []Span // that add up to Total, slowest first
	Parallel []Span // services that the boot did not wait for
}

// Span is a part of the boot and its duration in whole milliseconds, so that consecutive spans add
// up to the total.
type Span struct {
	Name string
	Took time.Duration
}

// Lines of a boot.
const (
	lineBoot     = "boot"
	lineSpan     = "span"
	lineParallel = "parallel"
	keyComplete  = "complete"
)

// Text formats the boot.
func (b Boot) Text() string {
	var text builder
	complete := ""
	if b.Complete {
		complete = "1"
	}
	text.line(lineBoot, record.KeyTotal, milliseconds(b.Total), keyComplete, complete)
	for _, s := range b.Spans {
		text.line(lineSpan, record.KeyName, s.Name, record.KeyTime, milliseconds(s.Took))
	}
	for _, s := range b.Parallel {
		text.line(lineParallel, record.KeyName, s.Name, record.KeyTime, milliseconds(s.Took))
	}
	return string(text)
}

// ParseBoot parses the answer to blame.
func ParseBoot(text string) (Boot, error) {
	var b Boot
	found := false
	err := each(text, func(kind string, r record.Record) {
		s := Span{Name: r.Get(record.KeyName), Took: duration(r, record.KeyTime)}
		switch kind {
		case lineBoot:
			found, b.Total, b.Complete = true, duration(r, record.KeyTotal), r.Get(keyComplete) != ""
		case lineSpan:
			b.Spans = append(b.Spans, s)
		case lineParallel:
			b.Parallel = append(b.Parallel, s)
		}
	})
	if err == nil && !found {
		err = ErrSyntax
	}
	return b, err
}
