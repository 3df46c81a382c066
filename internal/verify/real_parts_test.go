package verify

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/org/linuxkit-action/fixtures/image"
	"github.com/org/linuxkit-action/fixtures/registry"
	"github.com/org/linuxkit-action/fixtures/services"
	"github.com/org/linuxkit-action/fixtures/sigstore"
	"github.com/org/linuxkit-action/internal/verify/attached"
	"golang.org/x/sync/errgroup"
)

// The tests in files real_* sign with the real cosign, 2 and 3, without a key: with a real
// Fulcio, Rekor 2 and timestamp authority, on real registries.

func TestMain(m *testing.M) { os.Exit(servers.Run(m)) }

// servers are those that the tests share.
var servers services.Group

// parts are the real ones, which the tests share.
type parts struct {
	ours, theirs *sigstore.Sigstore // both take the same tokens
	registries   map[string]*registry.Registry
	predicate    string // a file
}

// How registries tell what refers to an image.
const (
	byList = "by list" // go-containerregistry's registry knows referrers
	byTag  = "by tag"  // Distribution 2.8 does not: cosign keeps the list at a tag
)

var theParts = sync.OnceValues(func() (*parts, error) {
	dir, err := servers.Dir()
	if err != nil {
		return nil, err
	}
	p := &parts{predicate: filepath.Join(dir, "predicate.json")}
	if err := os.WriteFile(p.predicate, []byte("{}"), 0o600); err != nil {
		return nil, err
	}
	return p, errors.Join(p.startSigstores(), p.startRegistries())
})

func (p *parts) startSigstores() (err error) {
	if p.ours, err = servers.Sigstore(); err != nil {
		return err
	}
	p.theirs, err = servers.Sigstore()
	return err
}

func (p *parts) startRegistries() error {
	list, listErr := servers.Registry()
	tag, tagErr := servers.Distribution()
	p.registries = map[string]*registry.Registry{byList: list, byTag: tag}
	return errors.Join(listErr, tagErr)
}

func realParts(t *testing.T) *parts {
	t.Helper()
	p, err := theParts()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

var repositories atomic.Int32

// repository returns a name that nobody has used.
func (p *parts) repository(kind string) string {
	return fmt.Sprintf("%s/web-%d", p.registries[kind].Addr(), repositories.Add(1))
}

// push pushes an image of its own as REPOSITORY:1.
func (p *parts) push(t *testing.T, kind string) (string, name.Digest) {
	t.Helper()
	repository := p.repository(kind)
	digest := image.Push(t, image.Make(t, v1.Config{}, image.Layer(t, image.File("a", repository))), repository+":1")
	return repository, digestIn(t, repository, digest)
}

// token is one of the issuer that the policy names.
func (p *parts) token(t *testing.T, who sigstore.Workflow) string {
	t.Helper()
	token, err := p.ours.Issuers.Token(p.ours.Issuers.Actions, who)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// policy is that the release workflow must sign, by our Sigstore. more is added to the rule.
func (p *parts) policy(t *testing.T, more string) *Policy {
	t.Helper()
	return p.policyOf(t, p.ours.TrustedRoot(), "subject: '"+sigstore.Release.Subject()+"'", more)
}

func (p *parts) policyOf(t *testing.T, trustedRoot, subject, more string) *Policy {
	t.Helper()
	text := fmt.Sprintf("default: signed\ntrustedRoot: %s\nrules: [{match: '**', keyless: {issuer: '%s', %s}%s}]", trustedRoot, p.ours.Issuers.Actions, subject, more)
	policy, err := ParsePolicy("policy.yml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return policy
}

// expect checks REPOSITORY:1, and that it is refused with the text, if there is one.
func expect(t *testing.T, repository string, policy *Policy, want string) []Signature {
	t.Helper()
	verified, err := check(t, repository+":1", policy, Enforce)
	switch {
	case want == "" && err != nil:
		t.Errorf("refused: %v", err)
	case want == "":
		return verified.Results()[0].Signatures
	case !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), want):
		t.Errorf("got  %v\nwant %s", err, want)
	}
	return nil
}

// together runs cases side by side. They wait for the log more than they work: Rekor looks
// once a second whether an entry is in. t.Parallel runs only as many as there are processors.
func together[C any](t *testing.T, cases map[string]C, run func(*testing.T, C)) {
	t.Helper()
	const most = 6
	var all errgroup.Group
	all.SetLimit(most)
	for name, c := range cases {
		all.Go(func() error {
			t.Run(name, func(t *testing.T) { run(t, c) })
			return nil
		})
	}
	all.Wait()
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func hashOf(t *testing.T, d name.Digest) v1.Hash {
	t.Helper()
	hash, err := v1.NewHash(d.DigestStr())
	must(t, err)
	return hash
}

// bundleOf returns the only bundle that refers to an image, as it is stored.
func bundleOf(t *testing.T, image name.Digest) []byte {
	t.Helper()
	found, err := attached.Find(t.Context(), image, attached.Referring, nil)
	must(t, err)
	if len(found) != 1 {
		t.Fatalf("%d bundles at %s", len(found), image)
	}
	must(t, found[0].Err)
	return found[0].Whole
}
