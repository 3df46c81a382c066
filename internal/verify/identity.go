package verify

import (
	"fmt"
	"slices"
	"strings"

	"github.com/org/linuxkit-action/internal/component"
	"github.com/org/linuxkit-action/internal/imageref"
	"github.com/org/linuxkit-action/internal/verify/discovery"
	"github.com/org/linuxkit-action/internal/verify/policy"
	"github.com/org/linuxkit-action/internal/verify/signer"
)

// identity is what a rule requires of the name that a signature carries, as signedIdentity
// of containers/image does. Without that, a signed image of one repository could be served
// in the place of another.
type identity struct {
	mode         string   // of the policy, or ""
	repositories []string // normalized: that of the reference, and its mirror, which stands for it
	references   []string // normalized, as in the manifest, with and without a digest
}

func identityOf(rule *policy.Rule, image *component.Component) identity {
	id := identity{mode: rule.Identity, repositories: []string{
		imageref.OfRepository(image.Reference.Context()), imageref.OfRepository(image.Repository()),
	}}
	for _, use := range image.Uses {
		full := imageref.Canonical(use.Image)
		tagged, _, _ := strings.Cut(full, "@")
		id.references = append(id.references, full, tagged)
	}
	return id
}

// check returns a *signer.Rejection unless the name fits, which is "" where the signature
// carries none.
func (id identity) check(name string) error {
	const remedy = "; if the signer meant this image, add identity: any to the rule"
	switch {
	case id.mode == policy.IdentityAny, id.mode == "" && name == "":
		return nil
	case name == "":
		return signer.Reject(fmt.Errorf("signature names no image, and the rule requires identity: %s%s", id.mode, remedy))
	}
	parsed, err := imageref.Parse(name)
	if err != nil {
		return signer.Reject(fmt.Errorf("signature names image %.80q: %w", name, err))
	}
	switch {
	case id.mode == policy.IdentityExact && slices.Contains(id.references, parsed.String()):
		return nil
	case id.mode == policy.IdentityExact:
		return signer.Reject(fmt.Errorf("signature is for image %s, want %s%s", parsed, id.references[0], remedy))
	case slices.Contains(id.repositories, parsed.Repository()):
		return nil
	}
	return signer.Reject(fmt.Errorf("signature is for image %s, want %s%s", parsed, id.repositories[0], remedy))
}

// nameIn returns the name that a signature carries: docker-reference of the simple signing
// payload. A statement carries none.
func nameIn(a discovery.Attachment) string {
	signed, err := decodePayload(a.Payload)
	if err != nil {
		return ""
	}
	return signed.Critical.Identity.DockerReference
}
