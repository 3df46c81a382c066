package pid1

import (
	"strings"

	"github.com/org/linuxkit-action/internal/pid1/logs"
	"github.com/org/linuxkit-action/internal/pid1/record"
)

// recentSize is how much of the last records is kept for "linuxkit-init logs", in bytes.
const recentSize = 32 << 10

// recent keeps the last records in memory.
type recent struct{ logs.Tail }

// WriteLine implements console.Sink.
func (r *recent) WriteLine(line []byte) { _, _ = r.Write(append(line[:len(line):len(line)], '\n')) }

// String returns the last records. The first one may be cut and is dropped.
func (r *recent) String() string {
	text := "\n" + r.Lines(recentSize, recentSize)
	whole := strings.Index(text, "\n"+record.Prefix)
	if whole < 0 {
		return ""
	}
	return text[whole+1:] + "\n"
}
