package verify

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"unicode/utf8"
)

// WriteTable writes the report for a person, one component a line.
func (r *Report) WriteTable(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "  COMPONENT\tIMAGE\tDIGEST\tVERDICT")
	for _, f := range r.Components {
		fmt.Fprintf(table, "  %s\t%s\t%s\t%s\n", f.users(), f.image, short(f.digest.Hex), f.verdict())
	}
	return table.Flush()
}

// users names the entries that a component is for.
func (f Finding) users() string {
	var names []string
	for _, u := range f.Uses {
		names = append(names, u.Role+"/"+u.Name)
	}
	return strings.Join(names, ", ")
}

func (f Finding) verdict() string {
	switch f.Verdict {
	case Refused:
		return "✗ not by policy, " + f.Rule + ": " + f.shortReason()
	case Unchecked:
		return "- not checked, " + f.Rule
	case Signed:
		return "✓ signed by " + f.signedBy() + ", " + f.Rule
	}
	return "✓ accepted, " + f.Rule
}

// signedBy names the signers, with the time and the certificate where there are.
func (f Finding) signedBy() string {
	var all []string
	for _, s := range f.Signatures {
		all = append(all, strings.Join(s.words(), ", "))
	}
	return strings.Join(all, "; ")
}

// words tells of a signature, keys and certificates in short.
func (s Signature) words() []string {
	who := s.Signer
	if key, ok := strings.CutPrefix(who, "key sha256:"); ok {
		who = "key " + short(key)
	}
	if !s.Time.IsZero() {
		who += " at " + s.Time.UTC().Format("2006-01-02 15:04:05Z")
	}
	if s.Certificate == "" {
		return []string{who}
	}
	return []string{who, "certificate " + short(s.Certificate)}
}

// shortReason is the beginning of the reason: the errors tell all of it.
func (f Finding) shortReason() string {
	const most = 72 // characters
	if utf8.RuneCountInString(f.Reason) <= most {
		return f.Reason
	}
	return strings.TrimSpace(string([]rune(f.Reason)[:most])) + "…"
}

// short cuts a digest to what a person compares.
func short(hex string) string { return hex[:min(12, len(hex))] }
