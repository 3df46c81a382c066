package verify

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/org/linuxkit-action/internal/component"
	"github.com/org/linuxkit-action/internal/markup"
	"github.com/org/linuxkit-action/internal/verify/discovery"
	"github.com/org/linuxkit-action/internal/verify/policy"
	"github.com/org/linuxkit-action/internal/verify/signer"
)

// signatureCount counts which of a rule's signers made attachments that meet one
// requirement.
type signatureCount struct {
	requirement requirement
	rule        *policy.Rule
	options     signer.Options

	signatures map[string]signer.Signature // by signer, so that none counts twice
	candidates int                         // attachments that state what is required
	rejections []string                    // why candidates do not count
	others     []string                    // what other attachments state
}

func newSignatureCount(r requirement, rule *policy.Rule, options signer.Options) *signatureCount {
	return &signatureCount{requirement: r, rule: rule, options: options, signatures: map[string]signer.Signature{}}
}

// checkRule returns the signatures that meet a rule. The error lists everything that is
// missing and wraps ErrRefused; any other means that the answer is unknown.
func checkRule(
	ctx context.Context, rule *policy.Rule, image *component.Component, finder *discovery.Finder, options signer.Options,
) ([]signer.Signature, error) {
	var signatures []signer.Signature
	var missing []string
	for _, r := range requirementsOf(rule, image) {
		count := newSignatureCount(r, rule, options)
		if err := count.collect(ctx, finder); err != nil {
			return nil, err
		}
		if !count.reached() {
			missing = append(missing, count.shortfall())
		}
		if r.predicateType == signPredicate {
			signatures = count.sorted()
		}
	}
	if len(missing) > 0 {
		return signatures, fmt.Errorf("%w: %s", ErrRefused, strings.Join(missing, "; "))
	}
	return signatures, nil
}

// collect searches one location after the other until the threshold is reached. A
// signature of the index covers the image for the platform in it; one of that image counts
// as well.
func (s *signatureCount) collect(ctx context.Context, finder *discovery.Finder) error {
	for _, image := range finder.Digests() {
		for _, location := range s.requirement.locations {
			attachments, err := finder.Find(ctx, image, location)
			if err != nil {
				return err
			}
			for _, a := range attachments {
				if err := s.verify(ctx, a, image); err != nil {
					return err
				}
			}
			if s.reached() {
				return nil
			}
		}
	}
	return nil
}

// verify counts an attachment if one of the signers made it. A rejection is noted, any
// other error is returned.
func (s *signatureCount) verify(ctx context.Context, a discovery.Attachment, image v1.Hash) error {
	err := s.requirement.match(a, image)
	if other, ok := errors.AsType[unrelated](err); ok {
		s.others = append(s.others, string(other))
		return nil
	}
	s.candidates++
	if err != nil {
		return s.reject(err)
	}
	for _, signedBy := range s.rule.Signers() {
		var signature signer.Signature
		if signature, err = signedBy.Verify(ctx, a, image, s.options); err == nil {
			if err = s.requirement.checkContent(ctx, a); err == nil {
				signature.Digest, signature.Image = image.String(), markup.Line(nameIn(a))
				s.add(signature)
				return nil
			}
			return s.reject(err)
		}
		if _, rejected := errors.AsType[*signer.Rejection](err); !rejected {
			return err
		}
	}
	return s.reject(err)
}

// add keeps the first signature of each signer, as far as times are proved. The result
// does not depend on the order in which the registry lists them.
func (s *signatureCount) add(signature signer.Signature) {
	if known, ok := s.signatures[signature.Signer]; !ok || signature.Before(known) {
		s.signatures[signature.Signer] = signature
	}
}

// reject notes the reason of a *signer.Rejection, and returns any other error.
func (s *signatureCount) reject(err error) error {
	rejection, ok := errors.AsType[*signer.Rejection](err)
	if !ok {
		return err
	}
	if !slices.Contains(s.rejections, rejection.Reason) {
		s.rejections = append(s.rejections, rejection.Reason)
	}
	return nil
}

func (s *signatureCount) reached() bool { return len(s.signatures) >= s.rule.Threshold }

// shortfall returns what is missing, and why candidates do not count.
func (s *signatureCount) shortfall() string {
	var names []string
	for _, signedBy := range s.rule.Signers() {
		names = append(names, signedBy.Name())
	}
	signers := strings.Join(names, ", ")
	if s.candidates == 0 && len(s.others) > 0 {
		return fmt.Sprintf("no %s by %s, only %s", s.requirement, signers, firstFew(s.others))
	}
	if s.candidates == 0 {
		return fmt.Sprintf("no %s; required from %s", s.requirement, signers)
	}
	if len(names) > 1 {
		signers = fmt.Sprintf("%d of %s (%d found)", s.rule.Threshold, signers, len(s.signatures))
	}
	text := fmt.Sprintf("no %s by %s", s.requirement, signers)
	if len(s.rejections) > 0 {
		text += ": " + firstFew(s.rejections)
	}
	return text
}

// firstFew joins the first of many texts, sorted.
func firstFew(texts []string) string {
	const limit = 4
	texts = slices.Compact(slices.Sorted(slices.Values(texts)))
	if more := len(texts) - limit; more > 0 {
		return fmt.Sprintf("%s; and %d more", strings.Join(texts[:limit], "; "), more)
	}
	return strings.Join(texts, "; ")
}

// sorted returns the signatures that count, in the order of their signers.
func (s *signatureCount) sorted() []signer.Signature {
	var all []signer.Signature
	for _, name := range slices.Sorted(maps.Keys(s.signatures)) {
		all = append(all, s.signatures[name])
	}
	return all
}
