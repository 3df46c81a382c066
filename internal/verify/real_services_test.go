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
	"github.com/org/linuxkit-action/internal/verify/discovery"
	"github.com/org/linuxkit-action/internal/verify/policy"
	"github.com/org/linuxkit-action/internal/verify/signer"
	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/encoding/protojson"
)

// The tests in files real_* sign with cosign 2 and 3 without a key: with a Fulcio, Rekor 2
// and timestamp authority, on two kinds of registry.

func TestMain(m *testing.M) { os.Exit(servers.Run(m)) }

// servers are those that the tests share.
var servers services.Group

// realServices are the servers of the tests in files real_*.
type realServices struct {
	trusted, other *sigstore.Sigstore // both accept the same tokens
	registries     map[string]*registry.Registry
	predicate      string // a file
}

// The kinds of registry, by where they list referrers.
const (
	referrersAPI = "referrers API" // go-containerregistry's registry
	referrersTag = "referrers tag" // Distribution 2.8
)

var sharedServices = sync.OnceValues(func() (*realServices, error) {
	dir, err := servers.Dir()
	if err != nil {
		return nil, err
	}
	p := &realServices{predicate: filepath.Join(dir, "predicate.json")}
	if err := os.WriteFile(p.predicate, []byte("{}"), 0o600); err != nil {
		return nil, err
	}
	return p, errors.Join(p.startSigstores(), p.startRegistries())
})

func (p *realServices) startSigstores() (err error) {
	if p.trusted, err = servers.Sigstore(); err != nil {
		return err
	}
	p.other, err = servers.Sigstore()
	return err
}

func (p *realServices) startRegistries() error {
	api, apiErr := servers.Registry()
	tag, tagErr := servers.Distribution()
	p.registries = map[string]*registry.Registry{referrersAPI: api, referrersTag: tag}
	return errors.Join(apiErr, tagErr)
}

func startServices(t *testing.T) *realServices {
	t.Helper()
	p, err := sharedServices()
	must(t, err)
	return p
}

var repositories atomic.Int32

// repository returns an unused name.
func (p *realServices) repository(kind string) string {
	return fmt.Sprintf("%s/web-%d", p.registries[kind].Addr(), repositories.Add(1))
}

// push pushes a unique image as REPOSITORY:1.
func (p *realServices) push(t *testing.T, kind string) (string, name.Digest) {
	t.Helper()
	repository := p.repository(kind)
	digest := image.Push(t, newImage(t, repository), repository+":1")
	return repository, digestIn(t, repository, digest)
}

// token returns an identity token of the issuer in the policy.
func (p *realServices) token(t *testing.T, workflow sigstore.Workflow) string {
	t.Helper()
	token, err := p.trusted.Issuers.Token(p.trusted.Issuers.Actions, workflow)
	must(t, err)
	return token
}

// policy requires the release workflow as signer. More fields are added to the rule.
func (p *realServices) policy(t *testing.T, more string) *policy.Policy {
	t.Helper()
	return p.policyFor(t, p.trusted.TrustedRoot(), "subject: '"+sigstore.Release.Subject()+"'", more)
}

func (p *realServices) policyFor(t *testing.T, trustedRoot, subject, more string) *policy.Policy {
	t.Helper()
	if !strings.Contains(more, "log:") {
		more += ", log: none" // the default is tested by TestKeylessLogRequired
	}
	more += ", sct: none" // the Sigstore of the tests has no CT log
	rule := fmt.Sprintf("{match: '**', keyless: {issuer: '%s', %s}%s}", p.trusted.Issuers.Actions, subject, more)
	return parsePolicy(t, t.TempDir(), "default: signed\ntrustedRoot: "+trustedRoot+"\nrules: ["+rule+"]")
}

// checkVerdict checks REPOSITORY:1, which must be refused with a reason if want is not "".
func checkVerdict(t *testing.T, repository string, p *policy.Policy, want string) []signer.Signature {
	t.Helper()
	verified, err := check(t, repository+":1", p, Enforce)
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

// runConcurrently runs more subtests at the same time than t.Parallel, for they mostly wait:
// Rekor integrates entries once a second.
func runConcurrently[C any](t *testing.T, cases map[string]C, run func(*testing.T, C)) {
	t.Helper()
	const limit = 6
	var all errgroup.Group
	all.SetLimit(limit)
	for name, c := range cases {
		all.Go(func() error {
			t.Run(name, func(t *testing.T) { run(t, c) })
			return nil
		})
	}
	all.Wait()
}

func hashOf(t *testing.T, d name.Digest) v1.Hash {
	t.Helper()
	hash, err := v1.NewHash(d.DigestStr())
	must(t, err)
	return hash
}

// bundleOf returns the one bundle that refers to an image.
func bundleOf(t *testing.T, image name.Digest) []byte {
	t.Helper()
	found, err := discovery.Find(t.Context(), image, discovery.Referrers, nil)
	must(t, err)
	if len(found) != 1 {
		t.Fatalf("%d bundles at %s", len(found), image)
	}
	must(t, found[0].Err)
	text, err := protojson.Marshal(found[0].Bundle.Bundle)
	must(t, err)
	return text
}
