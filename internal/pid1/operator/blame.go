package operator

import (
	"strconv"
	"strings"

	"github.com/org/linuxkit-action/internal/pid1/control"
	"github.com/org/linuxkit-action/internal/pid1/snapshot"
)

// barWidth is the width of a bar of 100 %.
const barWidth = 40

// blame formats the times of a boot as tables.
func blame(b snapshot.Boot) string {
	total := strconv.FormatInt(b.Total.Milliseconds(), 10)
	text := total + " ms until all services were ready\n\n"
	if !b.Complete {
		text = total + " ms, boot in progress\n\n"
	}
	rows := [][]string{{"MS", "", "", "STEP"}}
	for _, s := range b.Spans {
		share := int(100 * s.Took / max(b.Total, 1))
		bar := strings.Repeat("#", max(0, share)*barWidth/100)
		rows = append(rows, []string{strconv.FormatInt(s.Took.Milliseconds(), 10), strconv.Itoa(share) + "%", bar, control.Sanitize(s.Name)})
	}
	text += table(append(rows, []string{total, "100%", "", "total"}), 0, 1)
	if len(b.Parallel) == 0 {
		return text
	}
	rows = [][]string{{"MS", "IN PARALLEL"}}
	for _, s := range b.Parallel {
		rows = append(rows, []string{strconv.FormatInt(s.Took.Milliseconds(), 10), control.Sanitize(s.Name)})
	}
	return text + "\n" + table(rows, 0)
}
