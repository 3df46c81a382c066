package verify

import (
	"errors"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/org/linuxkit-action/internal/component"
	"github.com/org/linuxkit-action/internal/verify/policy"
	"github.com/org/linuxkit-action/internal/verify/report"
	"github.com/org/linuxkit-action/internal/verify/signer"
)

// Values of Result.Rule where no rule applies. The default's value follows the prefix.
const (
	ruleOff     = "--verify off"
	ruleTrust   = "trust"
	ruleDefault = "default: "
	ruleNone    = "no policy"
)

// maxMalformed bounds the malformed attachments in the report of one component.
const maxMalformed = 8

// Result is the result for one component.
type Result struct {
	Component  *component.Component
	Rule       string             // the rule of the policy that applies
	Signer     string             // the signers in one text, "" if none is required
	Signatures []signer.Signature // those that count; too few where there is a Violation
	Malformed  []string           // why attachments cannot be decoded; these do not count
	Violation  error              // why the policy refuses the component, or nil; wraps ErrRefused

	unpinned bool // where there is no policy: the reference is a tag, which can move

	trusted bool           // the manifest's trust lists it: a violation is never only a warning
	rule    *policy.Rule   // nil where no rule applies
	options signer.Options // for the signers of rule
}

// Verdict returns report.Signed, Accepted, Refused, Unchecked or NoPolicy.
func (r Result) Verdict() string {
	switch {
	case r.Violation != nil:
		return report.Refused
	case r.Rule == ruleOff:
		return report.Unchecked
	case r.Rule == ruleNone:
		return report.NoPolicy
	case len(r.Signatures) > 0:
		return report.Signed
	}
	return report.Accepted
}

// Refusal is the error for components that violate the policy. Its text has one line for
// each violation, with place and remedy. It wraps ErrRefused.
type Refusal struct {
	Report     *report.Report // of all components
	violations error
}

// Error returns the violations.
func (r *Refusal) Error() string { return r.violations.Error() }

// Unwrap returns the violations.
func (r *Refusal) Unwrap() error { return r.violations }

// ReportOf returns the report of a Check by what that returned, or nil if it ended without
// a verdict.
func ReportOf(verified *Verified, err error) *report.Report {
	if refusal, ok := errors.AsType[*Refusal](err); ok {
		return refusal.Report
	}
	if verified != nil {
		return verified.report()
	}
	return nil
}

func (v *Verified) report() *report.Report {
	r := &report.Report{Version: report.Version, Arch: v.Arch(), Components: []report.Component{}}
	if slices.ContainsFunc(v.results, func(r Result) bool { return r.Rule == ruleNone }) {
		r.Command = v.initCommand()
	}
	for _, result := range v.results {
		r.Components = append(r.Components, result.report())
	}
	return r
}

func (r Result) report() report.Component {
	c := r.Component
	out := report.Component{
		Reference:   c.Reference.Name(),
		Image:       c.Reference.String(),
		IndexDigest: c.IndexDigest.String(),
		Rule:        r.Rule,
		Verdict:     r.Verdict(),
		Signatures:  append([]signer.Signature{}, r.Signatures...),
		Malformed:   r.Malformed[:min(len(r.Malformed), maxMalformed)],
	}
	if c.PlatformDigest != (v1.Hash{}) {
		out.PlatformDigest = c.PlatformDigest.String()
	}
	if r.unpinned {
		out.Reason = "not pinned"
	}
	if r.Violation != nil {
		out.Reason = strings.TrimPrefix(r.Violation.Error(), ErrRefused.Error()+": ")
	}
	for _, u := range c.Uses {
		out.Uses = append(out.Uses, report.Use{Role: u.Role, Name: u.Name, Place: u.Place.String()})
	}
	return out
}
