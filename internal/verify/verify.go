// Package verify is the third step of the line: who vouches for each component.
//
// A policy, which a reviewer can read, says who must have signed what. Check holds
// every resolved component against it before a layer is fetched, and returns a
// Verified. Nobody else can make one with components in it, and the builder takes
// nothing else: an unverified byte has no way into an image.
//
// Package attached finds what has been signed, in either layout. A claim says what that
// must be about, a signer (a key, or an identity) verifies by sigstore-go that he made
// it, and a tally counts whether enough of the rule's signers have.
package verify

import (
	"context"
	"errors"
	"fmt"

	"github.com/org/linuxkit-action/internal/component"
	"github.com/org/linuxkit-action/internal/manifest"
	"github.com/org/linuxkit-action/internal/progress"
	"golang.org/x/sync/errgroup"
)

// ErrRefused is wrapped by the error for components that the policy does not let in.
var ErrRefused = errors.New("not verified")

// Modes of --verify.
const (
	Enforce = "enforce" // a miss ends the run
	Warn    = "warn"    // a miss is reported, and the run goes on
	Off     = "off"     // nothing is asked
)

// ruleOff stands for a rule in results of Off.
const ruleOff = "--verify off"

// Modes lists the values of --verify.
var Modes = []string{Enforce, Warn, Off}

// checksAtOnce is how many components are asked about side by side.
const checksAtOnce = 4

// Verified is the components of a manifest that may be built.
type Verified struct {
	set     *component.Set
	results []Result
}

// Manifest returns what the user wrote.
func (v *Verified) Manifest() *manifest.Manifest { return v.set.Manifest }

// Arch returns the architecture the components are for, as Go names it.
func (v *Verified) Arch() string { return v.set.Arch }

// Results returns each component with what is known of it, in the order of the manifest.
func (v *Verified) Results() []Result { return v.results }

// Result is what verification found for one component.
type Result struct {
	Component  *component.Component
	Rule       string      // which rule of the policy decided
	Signer     string      // who signed, in one text; "" where nobody was asked for
	Signatures []Signature // those that count; where there is a Miss, they are too few
	Miss       error       // why the policy does not let it in, or nil

	demanded bool  // by the manifest's own trust: a miss is never only a warning
	asked    *Rule // whose signers were asked for; nil where nobody was
	demands  demands
}

// Check holds every component against the policy. In Enforce mode a miss is a *Refusal;
// in Warn mode misses are only in the results, but for what the manifest's own trust
// demands. A registry, or Sigstore, that cannot be reached is component.ErrUnavailable in
// either.
func Check(ctx context.Context, set *component.Set, policy *Policy, mode string, report progress.Reporter) (*Verified, error) {
	results := make([]Result, len(set.Components))
	if mode == Off {
		for i, c := range set.Components {
			results[i] = Result{Component: c, Rule: ruleOff}
		}
		return &Verified{set, results}, nil
	}
	for _, doubt := range policy.Warnings {
		report.Note("warning: %v", doubt)
	}
	workers, ctx := errgroup.WithContext(ctx)
	workers.SetLimit(checksAtOnce)
	for i, c := range set.Components {
		workers.Go(func() (err error) {
			results[i], err = policy.check(ctx, c, set.Manifest.Trust)
			return err
		})
	}
	if err := workers.Wait(); err != nil {
		return nil, err
	}
	verified := &Verified{set, results}
	if misses := settle(results, mode, report); misses != nil {
		return nil, &Refusal{verified.report(), misses}
	}
	return verified, nil
}

// settle turns misses into one error, or into notes.
func settle(results []Result, mode string, report progress.Reporter) error {
	var fatal []error
	for _, r := range results {
		if r.Miss == nil {
			continue
		}
		for _, use := range r.Component.Uses {
			miss := fmt.Errorf("%s: %s: %w", use.Place, use, r.Miss)
			if mode == Enforce || r.demanded {
				fatal = append(fatal, miss)
				continue
			}
			report.Note("warning: %v", miss)
		}
	}
	return errors.Join(fatal...)
}
