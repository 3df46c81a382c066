// Package verify checks that the components of a manifest have the signatures that a
// policy requires.
//
// Check compares every resolved component with the policy before a layer is fetched, and
// returns a Verified. No other function makes one with components in it, and the builder
// takes nothing else: an unverified byte cannot get into an image.
//
// The packages below each have one concern, and import each other in one direction. Package
// policy reads the policy file. discovery finds attachments in a registry, signer verifies
// who made one, constraint checks the content of a statement, and report renders the
// result. Here a requirement decides which attachments are relevant, and a signatureCount
// decides whether enough of a rule's signers have made one.
package verify

import (
	"context"
	"errors"
	"fmt"

	"github.com/org/linuxkit-action/internal/component"
	"github.com/org/linuxkit-action/internal/crash"
	"github.com/org/linuxkit-action/internal/manifest"
	"github.com/org/linuxkit-action/internal/progress"
	"github.com/org/linuxkit-action/internal/verify/policy"
	"golang.org/x/sync/errgroup"
)

// ErrRefused is wrapped by the error for components that violate the policy.
var ErrRefused = errors.New("not verified")

// Modes of --verify.
const (
	Enforce = "enforce" // a violation ends the run
	Warn    = "warn"    // a violation is reported, and the run continues
	Off     = "off"     // nothing is checked
)

// Modes lists the values of --verify.
var Modes = []string{Enforce, Warn, Off}

// maxConcurrent is how many components are checked at the same time.
const maxConcurrent = 4

// Options are the settings of Check.
type Options struct {
	Mode    string // Enforce, Warn or Off
	Offline bool   // use the cache only
	Report  progress.Reporter
}

// Verified is the components of a manifest that may be built.
type Verified struct {
	set     *component.Set
	results []Result
}

// Manifest returns the manifest of the components.
func (v *Verified) Manifest() *manifest.Manifest { return v.set.Manifest }

// Arch returns the architecture of the components, as in Go.
func (v *Verified) Arch() string { return v.set.Arch }

// Results returns the result for each component, in the order of the manifest.
func (v *Verified) Results() []Result { return v.results }

// Check compares every component with the policy. The policy may be nil in mode Off. In
// mode Enforce a violation is a *Refusal. In mode Warn violations are only in the results,
// except for images that the manifest's own trust lists. Without a policy file there are
// violations in mode Enforce only: images that are not pinned, or in trust. In both modes
// component.ErrUnavailable is returned for a registry, key service or Sigstore that cannot
// be reached.
func Check(ctx context.Context, set *component.Set, p *policy.Policy, opts Options) (*Verified, error) {
	verified := &Verified{set: set, results: make([]Result, len(set.Components))}
	if opts.Mode == Off {
		for i, c := range set.Components {
			verified.results[i] = Result{Component: c, Rule: ruleOff}
		}
		return verified, nil
	}
	for _, warning := range p.Warnings {
		opts.Report.Note("warning: %v", warning)
	}
	trust := set.Manifest.Trust
	c := &checker{policy: p, trust: trust.Matcher(), place: trust.Place, offline: opts.Offline, enforce: opts.Mode == Enforce}
	workers, ctx := errgroup.WithContext(ctx)
	workers.SetLimit(maxConcurrent)
	for i := range set.Components {
		workers.Go(crash.Guard(func() (err error) {
			verified.results[i], err = c.check(ctx, set.Components[i])
			return err
		}))
	}
	if err := workers.Wait(); err != nil {
		return nil, err
	}
	if err := enforce(verified.results, opts); err != nil {
		return nil, &Refusal{Report: verified.report(), violations: err}
	}
	if p.Missing() {
		verified.noteMissing(c, opts.Report)
	}
	return verified, nil
}

// enforce returns the violations that end the run, and notes the others.
func enforce(results []Result, opts Options) error {
	var fatal []error
	for _, r := range results {
		if r.Violation == nil {
			continue
		}
		for _, use := range r.Component.Uses {
			violation := fmt.Errorf("%s: %s: %w", use.Place, use, r.Violation)
			if opts.Mode == Enforce || r.trusted {
				fatal = append(fatal, violation)
				continue
			}
			opts.Report.Note("warning: %v", violation)
		}
	}
	return errors.Join(fatal...)
}
