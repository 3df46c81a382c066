// Package report is the report of a verification as data, and its renderers: a table for a
// terminal, Markdown for a job's summary, and JSON for programs.
//
// Report is the model. Every renderer walks it and adds no fact. Names, subjects and reasons
// are foreign text; each renderer escapes them for its medium.
package report

import (
	"strings"

	"github.com/org/linuxkit-action/internal/markup"
	"github.com/org/linuxkit-action/internal/verify/signer"
)

// Version is the version of the JSON form.
const Version = 1

// File is the name of the JSON report in its folder.
const File = "verify.json"

// Verdicts on a component.
const (
	Signed    = "signed"    // by the signers of its rule
	Accepted  = "accepted"  // by the policy's default, which requires no signature
	Refused   = "refused"   // violates the policy; --verify warn continues the run
	Unchecked = "unchecked" // --verify off
	NoPolicy  = "no-policy" // there is no policy, so no signer is required
)

// Report is the result of a verification.
type Report struct {
	Version    int         `json:"version"`
	Arch       string      `json:"arch"`               // as in Go: amd64, arm64
	Command    string      `json:"noPolicy,omitempty"` // where there is no policy: the command that writes one
	Components []Component `json:"components"`         // in the order of the manifest
}

// Component is the result for one image.
type Component struct {
	Uses           []Use              `json:"uses"`
	Reference      string             `json:"reference"`                // with the registry
	Image          string             `json:"-"`                        // the reference as in the manifest, for people
	IndexDigest    string             `json:"digest"`                   // of what the reference resolves to: an index, or else an image
	PlatformDigest string             `json:"platformDigest,omitempty"` // of the image for the architecture
	Rule           string             `json:"rule"`                     // the rule of the policy that applies
	Verdict        string             `json:"verdict"`
	Signatures     []signer.Signature `json:"signatures"`          // those that count, sorted by signer; too few if refused
	Malformed      []string           `json:"malformed,omitempty"` // why attachments cannot be decoded; they do not count
	Reason         string             `json:"reason,omitempty"`    // why it is refused, or that it is not pinned, in one line
}

// Use is one entry of the manifest that refers to a component.
type Use struct {
	Role  string `json:"role"` // kernel, init, onboot, onshutdown, service, volume
	Name  string `json:"name"`
	Place string `json:"place"` // FILE:LINE:COLUMN
}

// JSON returns the content of File. It is deterministic.
func (r *Report) JSON() ([]byte, error) { return markup.JSON(r) }

// refused returns how many components are refused.
func (r *Report) refused() int {
	n := 0
	for _, c := range r.Components {
		if c.Verdict == Refused {
			n++
		}
	}
	return n
}

// noPolicy returns what to know where there is no policy: that, once, and the command that
// writes one.
func (r *Report) noPolicy() (text, command string) {
	return "no policy: no signature is required; write a first policy and lock with", r.Command
}

// pinned describes a component without a policy.
func (c Component) pinned() string {
	if c.Reason != "" {
		return c.Reason
	}
	return "pinned"
}

// uses returns the entries that refer to the component: service/web, onboot/dhcpcd.
func (c Component) uses() string {
	var names []string
	for _, u := range c.Uses {
		names = append(names, u.Role+"/"+u.Name)
	}
	return strings.Join(names, ", ")
}

// shortDigest returns the first 12 characters of the index digest, without its algorithm.
func (c Component) shortDigest() string {
	_, hex, _ := strings.Cut(c.IndexDigest, ":")
	return short(hex)
}

// describe returns signer, time and certificate of a signature, in short.
func describe(s signer.Signature) string {
	text := s.Signer
	if key, ok := strings.CutPrefix(text, "key sha256:"); ok {
		text = "key " + short(key)
	}
	if !s.Time.IsZero() {
		text += " at " + s.Time.UTC().Format("2006-01-02 15:04:05Z")
	}
	if s.Certificate != "" {
		text += ", certificate " + short(s.Certificate)
	}
	return text
}

// describeAll returns everything that describe does, and what the signature contains about
// the run that made it and the image.
func describeAll(s signer.Signature) string {
	text := describe(s)
	for _, fact := range []struct{ name, value string }{
		{name: "repository", value: s.Repository},
		{name: "ref", value: s.Ref},
		{name: "event", value: s.Event},
		{name: "runner", value: s.Runner},
	} {
		if fact.value != "" {
			text += ", " + fact.name + " " + fact.value
		}
	}
	if s.Image == "" {
		text += ", names no image"
	}
	return text
}

// short returns the first characters of a digest in hex.
func short(hex string) string { return hex[:min(12, len(hex))] }
