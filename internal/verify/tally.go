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
	"github.com/org/linuxkit-action/internal/verify/attached"
)

// tally counts which of a rule's signers have made one claim.
type tally struct {
	claim   claim
	rule    *Rule
	demands demands

	by      map[string]Signature // by identity: nobody counts twice
	seen    int                  // attachments that make the claim
	reasons []string             // why those did not count
	others  []string             // claims that others make
}

// prove returns the signatures that fulfil the rule. The error tells everything that is
// missing and wraps ErrRefused; any other says that it could not be found out.
func (r *Rule) prove(ctx context.Context, found *finder, demands demands) ([]Signature, error) {
	claims := []claim{signed}
	for _, a := range r.Attestations {
		claims = append(claims, a.claim())
	}
	var signatures []Signature
	var missing []string
	for _, c := range claims {
		t := &tally{claim: c, rule: r, demands: demands, by: map[string]Signature{}}
		if err := t.collect(ctx, found); err != nil {
			return nil, err
		}
		if !t.met() {
			missing = append(missing, t.refusal())
		}
		if c.predicate == signPredicate {
			signatures = t.signatures()
		}
	}
	if len(missing) > 0 {
		return signatures, fmt.Errorf("%w: %s", ErrRefused, strings.Join(missing, "; "))
	}
	return signatures, nil
}

// collect looks in one place after the other until there is enough. A claim about the
// index is one about the image for the platform in it; one about that alone counts too.
func (t *tally) collect(ctx context.Context, found *finder) error {
	for _, image := range found.images() {
		for _, place := range t.claim.places {
			attachments, err := found.find(ctx, corner{image, place})
			if err != nil {
				return component.Classify(err)
			}
			for _, a := range attachments {
				if err := t.hold(ctx, a, image); err != nil {
					return err
				}
			}
			if t.met() {
				return nil
			}
		}
	}
	return nil
}

// hold finds out which of the signers has made an attachment.
func (t *tally) hold(ctx context.Context, a attached.Attachment, image v1.Hash) error {
	err := t.claim.of(a, image)
	if other, ok := errors.AsType[unrelated](err); ok {
		t.others = append(t.others, string(other))
		return nil
	}
	t.seen++
	if err != nil {
		return t.note(err)
	}
	for _, s := range t.rule.signers {
		var signature Signature
		if signature, err = s.verify(ctx, a, over(a, image), t.demands); err == nil {
			if err = t.claim.holds(ctx, a); err == nil {
				t.count(signature)
				return nil
			}
			return t.note(err)
		}
		if !errors.Is(err, ErrRefused) {
			return err
		}
	}
	return t.note(err)
}

// count keeps one signature of each signer: the first he made, as far as that is proven.
// In which order a registry lists them must not show.
func (t *tally) count(s Signature) {
	if known, ok := t.by[s.Signer]; !ok || s.before(known) {
		t.by[s.Signer] = s
	}
}

// before reports whether s is the older one, or the only one whose time is proven.
func (s Signature) before(other Signature) bool {
	switch {
	case s.Time.IsZero() != other.Time.IsZero():
		return other.Time.IsZero()
	case !s.Time.Equal(other.Time):
		return s.Time.Before(other.Time)
	}
	return s.Certificate < other.Certificate
}

// note keeps why an attachment does not count. Any other error is returned.
func (t *tally) note(err error) error {
	if !errors.Is(err, ErrRefused) {
		return err
	}
	reason := strings.TrimPrefix(err.Error(), ErrRefused.Error()+": ")
	if !slices.Contains(t.reasons, reason) {
		t.reasons = append(t.reasons, reason)
	}
	return nil
}

func (t *tally) met() bool { return len(t.by) >= t.rule.Threshold }

// refusal says what is missing, and why what is there does not count.
func (t *tally) refusal() string {
	var names []string
	for _, s := range t.rule.signers {
		names = append(names, s.name())
	}
	who := strings.Join(names, ", ")
	if t.seen == 0 && len(t.others) > 0 {
		return fmt.Sprintf("it has no %s by %s, only %s", t.claim, who, first(t.others))
	}
	if t.seen == 0 {
		return fmt.Sprintf("it has no %s; %s must have signed it", t.claim, who)
	}
	if len(names) > 1 {
		who = fmt.Sprintf("%d of %s (%d found)", t.rule.Threshold, who, len(t.by))
	}
	text := fmt.Sprintf("no %s by %s", t.claim, who)
	if len(t.reasons) > 0 {
		text += ": " + first(t.reasons)
	}
	return text
}

// first tells the first of many texts.
func first(texts []string) string {
	const most = 4
	texts = slices.Compact(slices.Sorted(slices.Values(texts)))
	if more := len(texts) - most; more > 0 {
		return fmt.Sprintf("%s; and %d more", strings.Join(texts[:most], "; "), more)
	}
	return strings.Join(texts, "; ")
}

// signatures returns those that count, in the order of their signers.
func (t *tally) signatures() []Signature {
	var all []Signature
	for _, signer := range slices.Sorted(maps.Keys(t.by)) {
		all = append(all, t.by[signer])
	}
	return all
}
