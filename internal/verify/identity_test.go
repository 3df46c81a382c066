package verify

import (
	"errors"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/org/linuxkit-action/fixtures/registry"
	"github.com/org/linuxkit-action/internal/component"
	"github.com/org/linuxkit-action/internal/progress"
)

// TestComparesNameInSignature: an image that is signed as another is not served in its
// place, unless the rule allows it.
func TestComparesNameInSignature(t *testing.T) {
	t.Parallel()
	trusted, _ := newKeyPairs(t)
	for name, tt := range map[string]struct{ identity, suffix, want string }{
		"same repository":           {},
		"other repository":          {suffix: "-shell", want: "signature is for image "},
		"other repository, any":     {suffix: "-shell", identity: "any"},
		"repository":                {identity: "repository"},
		"repository, tag":           {identity: "repository", suffix: ":2"},
		"other repository, refused": {identity: "repository", suffix: "-shell", want: "add identity: any"},
		"exact":                     {identity: "exact", suffix: ":1"},
		"exact, other tag":          {identity: "exact", suffix: ":2", want: "signature is for image "},
		"exact, no tag":             {identity: "exact", want: "signature is for image "},
	} {
		repository, digest := pushOne(t, name)
		must(t, registry.SignAs(t.Context(), digestIn(t, repository, digest), trusted, repository+tt.suffix))
		rule := "rules: [{match: '**', key: cosign.pub"
		if tt.identity != "" {
			rule += ", identity: " + tt.identity
		}
		verified, err := check(t, repository+":1", parsePolicy(t, trusted, rule+"}]"), Enforce)
		if tt.want == "" && err != nil || tt.want != "" && (!errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil && verified.Results()[0].Signatures[0].Image != repository+tt.suffix {
			t.Errorf("%s: %+v", name, verified.Results()[0].Signatures)
		}
	}
}

// TestMirrorStandsForItsRegistry: a signature may name either.
func TestMirrorStandsForItsRegistry(t *testing.T) {
	t.Parallel()
	trusted, _ := newKeyPairs(t)
	for claimed, refused := range map[string]bool{"acme.example/web": false, "": false, "other.example/web": true} {
		repository, digest := pushOne(t, claimed)
		if claimed == "" {
			claimed = repository
		}
		must(t, registry.SignAs(t.Context(), digestIn(t, repository, digest), trusted, claimed))
		access := &component.Registry{Mirrors: []string{"acme.example=http://" + strings.TrimSuffix(repository, "/web")}}
		set := resolve(t, loadManifest(t, "services: [{name: web, image: 'acme.example/web:1'}]"), access)
		_, err := Check(t.Context(), set, signedBy(t, trusted), Options{Mode: Enforce, Report: progress.Silent()})
		if errors.Is(err, ErrRefused) != refused {
			t.Errorf("%s: %v", claimed, err)
		}
	}
}

// TestNamelessSignatureNeedsNoIdentity: a bundle of cosign 3 carries no name.
func TestNamelessSignatureNeedsNoIdentity(t *testing.T) {
	t.Parallel()
	s := newVirtualSigstore(t)
	key := s.newKey("a.pub")
	bundled := func(s *virtualSigstore, r string, d v1.Hash) { byKeys(signPredicate, key)(s, r, d) }
	for identity, want := range map[string]string{"": "", ", identity: any": "", ", identity: repository": "signature names no image"} {
		rule := "rules: [{match: '**', key: a.pub" + identity + "}]"
		checkCases(t, s, rule, map[string]attachmentCase{"bundle" + identity: {attach: bundled, want: want}})
	}
}
