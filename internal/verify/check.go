package verify

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/org/linuxkit-action/internal/component"
	"github.com/org/linuxkit-action/internal/manifest"
	"github.com/sigstore/sigstore-go/pkg/root"
)

// check finds the rule for one component and asks it. What the manifest's own trust
// names must be signed, whatever the default is.
func (p *Policy) check(ctx context.Context, c *component.Component, trust manifest.Trust) (Result, error) {
	for i := range p.Rules {
		if p.Rules[i].pattern.matches(c.Reference.Context()) {
			return p.ask(ctx, i, c, trust)
		}
	}
	if trust.Requires(c.Reference) {
		miss := fmt.Errorf("%w: %s: the manifest's trust demands a signature, and no rule says whose; add a rule that matches %s", ErrRefused, trust.Place, subject(c.Reference.Context()))
		return Result{Component: c, Rule: "trust", Miss: miss, demanded: true}, nil
	}
	return p.byDefault(c), nil
}

// ask holds a component against rule i.
func (p *Policy) ask(ctx context.Context, i int, c *component.Component, trust manifest.Trust) (Result, error) {
	rule := &p.Rules[i]
	result := Result{Component: c, Rule: fmt.Sprintf("rule %d (%s)", i+1, rule.Match), demanded: trust.Requires(c.Reference), asked: rule, demands: p.demands(rule)}
	ctx, cancel := context.WithTimeout(ctx, component.MetadataTimeout)
	defer cancel()
	signatures, err := rule.prove(ctx, newFinder(c), result.demands)
	result.Signatures = signatures
	if errors.Is(err, ErrRefused) {
		result.Miss = fmt.Errorf("%w (policy rule %d); sign %s with cosign, or change the rule", err, i+1, c.IndexDigest)
		return result, nil
	}
	result.Signer = signersOf(signatures)
	return result, err
}

func (p *Policy) demands(rule *Rule) demands {
	return demands{offline: p.Offline, log: rule.Log == logRequired, sigstore: func(ctx context.Context) (root.TrustedMaterial, error) {
		return p.sigstore.Material(ctx, p.Offline)
	}}
}

// signersOf names them all in one text.
func signersOf(signatures []Signature) string {
	var names []string
	for _, s := range signatures {
		names = append(names, s.Signer)
	}
	return strings.Join(names, ", ")
}

func (p *Policy) byDefault(c *component.Component) Result {
	result := Result{Component: c, Rule: "default: " + p.Default}
	switch {
	case p.Default == MustBeSigned:
		result.Miss = fmt.Errorf("%w: no rule says who may sign it; add a rule that matches %s", ErrRefused, subject(c.Reference.Context()))
	case p.Default == MustBePinned && !c.Pinned():
		result.Miss = fmt.Errorf("%w: it is named by a tag, which can move; write @%s behind it, lock it with linuxkit-action lock, or add a rule with a key", ErrRefused, c.IndexDigest)
	}
	return result
}
