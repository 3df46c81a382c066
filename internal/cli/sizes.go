package cli

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/org/linuxkit-action/internal/build/artifacts"
	"github.com/org/linuxkit-action/internal/markup"
	"github.com/org/linuxkit-action/internal/progress"
)

// barWidth is the length of the longest bar in characters.
const barWidth = 24

// writeSizes prints the size of each component, with a bar, and of each file.
func writeSizes(w io.Writer, set *artifacts.Set) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "%s for linux/%s, PID 1: %s\n", markup.Line(set.Name), markup.Line(set.Arch), markup.Line(set.Init))
	var largest int64
	for _, c := range set.Components {
		largest = max(largest, c.Bytes)
	}
	for _, c := range set.Components {
		fmt.Fprintf(table, "  %s/%s\t%9s\t%s\n", markup.Line(c.Role), markup.Line(c.Name), progress.Bytes(c.Bytes), bar(c.Bytes, largest))
	}
	fmt.Fprintln(table, "files:")
	for _, f := range set.Files {
		fmt.Fprintf(table, "  %s\t%9s\tsha256:%s\n", markup.Printable(set.Abs(f)), progress.Bytes(f.Size), f.SHA256[:12])
	}
	return table.Flush()
}

// bar returns a bar whose length is proportional to n.
func bar(n, largest int64) string {
	if largest == 0 {
		return ""
	}
	return strings.Repeat("█", int(n*barWidth/largest)) + "▏"
}
