package verify

import (
	"errors"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/org/linuxkit-action/internal/markup"
)

// ReportVersion is the version of the report's form.
const ReportVersion = 1

// ReportFile is the name of a report in its folder.
const ReportFile = "verify.json"

// Verdicts on a component.
const (
	Signed    = "signed"    // by whom its rule demands
	Accepted  = "accepted"  // by the policy's default, which demands no signature
	Refused   = "refused"   // not by policy; --verify warn lets it in for all that
	Unchecked = "unchecked" // --verify off: nobody was asked
)

// Report is what verification found, in plain data.
type Report struct {
	Version    int       `json:"version"`
	Arch       string    `json:"arch"`       // as in Go: amd64, arm64
	Components []Finding `json:"components"` // in the order of the manifest
}

// Finding is what was found for one component.
type Finding struct {
	Uses           []Use       `json:"uses"`
	Reference      string      `json:"reference"`                // with the registry
	IndexDigest    string      `json:"digest"`                   // of what the reference means: an index, or the image itself
	PlatformDigest string      `json:"platformDigest,omitempty"` // of the image for the architecture
	Rule           string      `json:"rule"`                     // which rule of the policy decided
	Verdict        string      `json:"verdict"`
	Signatures     []Signature `json:"signatures"`       // those that count, sorted by signer; too few where it is refused
	Reason         string      `json:"reason,omitempty"` // why it is refused, in one line

	image  string // the reference as people write it
	digest v1.Hash
}

// Use is one entry of the manifest that a component is for.
type Use struct {
	Role  string `json:"role"` // kernel, init, onboot, onshutdown, service, volume
	Name  string `json:"name"`
	Place string `json:"place"` // FILE:LINE:COLUMN
}

// Refusal is the error for components that the policy does not let in. It tells every
// miss with its place and remedy, one a line, and wraps ErrRefused.
type Refusal struct {
	Report *Report // of all components, those that are right as well
	misses error
}

func (r *Refusal) Error() string { return r.misses.Error() }

func (r *Refusal) Unwrap() error { return r.misses }

// ReportOf returns the report of a Check by what that returned; nil where it came to no
// verdict.
func ReportOf(verified *Verified, err error) *Report {
	var refusal *Refusal
	switch {
	case errors.As(err, &refusal):
		return refusal.Report
	case verified != nil:
		return verified.report()
	}
	return nil
}

func (v *Verified) report() *Report {
	r := &Report{Version: ReportVersion, Arch: v.Arch(), Components: []Finding{}}
	for _, result := range v.results {
		r.Components = append(r.Components, result.finding())
	}
	return r
}

func (r Result) finding() Finding {
	c := r.Component
	f := Finding{
		Reference: c.Reference.Name(), IndexDigest: c.IndexDigest.String(), Rule: r.Rule, Verdict: r.Verdict(),
		Signatures: append([]Signature{}, r.Signatures...), image: c.Reference.String(), digest: c.IndexDigest,
	}
	if c.PlatformDigest != (v1.Hash{}) {
		f.PlatformDigest = c.PlatformDigest.String()
	}
	if r.Miss != nil {
		f.Reason = strings.TrimPrefix(r.Miss.Error(), ErrRefused.Error()+": ")
	}
	for _, u := range c.Uses {
		f.Uses = append(f.Uses, Use{u.Role, u.Name, u.Place.String()})
	}
	return f
}

// Verdict returns Signed, Accepted, Refused or Unchecked.
func (r Result) Verdict() string {
	switch {
	case r.Miss != nil:
		return Refused
	case r.Rule == ruleOff:
		return Unchecked
	case len(r.Signatures) > 0:
		return Signed
	}
	return Accepted
}

// JSON returns the report as the content of ReportFile. The same results give the same
// bytes.
func (r *Report) JSON() ([]byte, error) { return markup.JSON(r) }
