package verify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/org/linuxkit-action/internal/component"
	"github.com/org/linuxkit-action/internal/manifest"
	"github.com/org/linuxkit-action/internal/manifest/strict"
	"github.com/org/linuxkit-action/internal/verify/discovery"
	"github.com/org/linuxkit-action/internal/verify/policy"
	"github.com/org/linuxkit-action/internal/verify/signer"
	"github.com/sigstore/sigstore-go/pkg/root"
)

// checker compares components with a policy.
type checker struct {
	policy  *policy.Policy
	trust   *manifest.TrustMatcher
	place   strict.Place // of trust in the manifest
	offline bool
	enforce bool
}

// check applies the rule for a component, or the default. Images that the manifest's trust
// lists need a rule, whatever the default is.
func (c *checker) check(ctx context.Context, image *component.Component) (Result, error) {
	if c.policy.Missing() && !c.enforce {
		return Result{Component: image, Rule: ruleNone, unpinned: !image.Pinned()}, nil
	}
	name := image.Reference.Context()
	if rule, number := c.policy.RuleFor(name); rule != nil {
		return c.applyRule(ctx, image, rule, number)
	}
	if c.trusts(image) {
		violation := fmt.Errorf("%w: %s: trust requires a signature and no rule names a signer; add a rule that matches %s",
			ErrRefused, c.place, policy.ImageName(name))
		return Result{Component: image, Rule: ruleTrust, Violation: violation, trusted: true}, nil
	}
	return c.applyDefault(image), nil
}

func (c *checker) applyRule(ctx context.Context, image *component.Component, rule *policy.Rule, number int) (Result, error) {
	result := Result{
		Component: image,
		Rule:      fmt.Sprintf("rule %d (%s)", number, rule.Match),
		trusted:   c.trusts(image),
		rule:      rule,
		options:   c.signerOptions(rule),
	}
	ctx, cancel := context.WithTimeout(ctx, component.MetadataTimeout)
	defer cancel()
	var err error
	finder := discovery.NewFinder(image)
	result.Signatures, err = checkRule(ctx, rule, image, finder, result.options)
	result.Malformed = finder.Malformed()
	if errors.Is(err, ErrRefused) {
		result.Violation = fmt.Errorf("%w (policy rule %d); sign %s with cosign, or change the rule", err, number, image.IndexDigest)
		return result, nil
	}
	result.Signer = signerNames(result.Signatures)
	return result, err
}

// trusts reports whether the manifest's trust lists the image.
func (c *checker) trusts(image *component.Component) bool {
	return slices.ContainsFunc(image.Uses, func(use manifest.Use) bool {
		return c.trust.Requires(use.Image, image.IndexDigest.String(), image.PlatformDigest.String())
	})
}

func (c *checker) signerOptions(rule *policy.Rule) signer.Options {
	return signer.Options{
		RequireLog: rule.RequiresLog(),
		AllowNoSCT: rule.AllowsNoSCT(),
		Offline:    c.offline,
		TrustedRoot: func(ctx context.Context) (root.TrustedMaterial, error) {
			return c.policy.TrustedMaterial(ctx, c.offline)
		},
	}
}

func signerNames(signatures []signer.Signature) string {
	var names []string
	for _, s := range signatures {
		names = append(names, s.Signer)
	}
	return strings.Join(names, ", ")
}

func (c *checker) applyDefault(image *component.Component) Result {
	result := Result{Component: image, Rule: ruleDefault + c.policy.Default}
	if c.policy.Missing() {
		result.Rule = ruleNone
	}
	switch {
	case c.policy.Default == policy.RequireSigned:
		result.Violation = fmt.Errorf("%w: no rule names a signer; add a rule that matches %s",
			ErrRefused, policy.ImageName(image.Reference.Context()))
	case c.policy.Default == policy.RequireDigest && !image.Pinned():
		result.Violation = fmt.Errorf("%w: not pinned: a tag can move; append @%s, run linuxkit-action lock, or add a rule with a key",
			ErrRefused, image.IndexDigest)
	}
	return result
}
