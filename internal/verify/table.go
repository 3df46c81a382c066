package verify

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// WriteTable writes the results for a person, one component a line.
func (v *Verified) WriteTable(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "  COMPONENT\tIMAGE\tDIGEST\tVERDICT")
	for _, r := range v.results {
		fmt.Fprintf(table, "  %s\t%s\t%s\t%s\n", r.users(), r.Component.Reference, short(r.Component.Root.Hex), r.verdict())
	}
	return table.Flush()
}

// users names the entries that a component is for.
func (r Result) users() string {
	var names []string
	for _, u := range r.Component.Uses {
		names = append(names, u.Role+"/"+u.Name)
	}
	return strings.Join(names, ", ")
}

func (r Result) verdict() string {
	switch {
	case r.Miss != nil:
		return "✗ not by policy, " + r.Rule
	case r.Signer != "":
		return "✓ signed by " + r.signedBy() + ", " + r.Rule
	}
	return "✓ accepted, " + r.Rule
}

// signedBy names the signers, keys in short, with the time where one is proven.
func (r Result) signedBy() string {
	var all []string
	for _, s := range r.Signatures {
		who := s.Signer
		if key, ok := strings.CutPrefix(who, "key sha256:"); ok {
			who = "key " + short(key)
		}
		if !s.Time.IsZero() {
			who += " at " + s.Time.UTC().Format("2006-01-02 15:04:05Z")
		}
		all = append(all, who)
	}
	return strings.Join(all, ", ")
}

// short cuts a digest to what a person compares.
func short(hex string) string { return hex[:min(12, len(hex))] }
