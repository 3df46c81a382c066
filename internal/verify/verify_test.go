package verify

import (
	"bytes"
	"errors"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/org/linuxkit-action/fixtures/image"
	"github.com/org/linuxkit-action/fixtures/registry"
	"github.com/org/linuxkit-action/internal/component"
	"github.com/org/linuxkit-action/internal/manifest"
	"github.com/org/linuxkit-action/internal/progress"
	"github.com/org/linuxkit-action/internal/verify/policy"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// newKeyPairs returns the folders of two cosign key pairs: a trusted one, and another.
func newKeyPairs(t *testing.T) (trusted, other string) {
	t.Helper()
	trusted, other = t.TempDir(), t.TempDir()
	must(t, registry.NewKey(trusted))
	must(t, registry.NewKey(other))
	return trusted, other
}

func signWith(t *testing.T, reference, key string) {
	t.Helper()
	digest, err := name.NewDigest(reference)
	must(t, err)
	must(t, registry.SignAs(t.Context(), digest, key, digest.Context().Name()))
}

func loadManifest(t *testing.T, text string) *manifest.Manifest {
	t.Helper()
	m, err := manifest.Load(t.Context(), []string{"-"}, manifest.Options{Stdin: strings.NewReader(text)})
	must(t, err)
	return m
}

func resolve(t *testing.T, m *manifest.Manifest, registry *component.Registry) *component.Set {
	t.Helper()
	set, err := component.Resolve(t.Context(), m, "amd64", registry, progress.Silent())
	must(t, err)
	return set
}

// check resolves a manifest with one service and checks it.
func check(t *testing.T, reference string, p *policy.Policy, mode string) (*Verified, error) {
	t.Helper()
	m := loadManifest(t, "services: [{name: web, image: '"+reference+"'}]")
	set := resolve(t, m, &component.Registry{})
	return Check(t.Context(), set, p, Options{Mode: mode, Report: progress.Silent()})
}

func parsePolicy(t testing.TB, dir, text string) *policy.Policy {
	t.Helper()
	p, err := policy.Parse(filepath.Join(dir, "policy.yml"), []byte(text))
	must(t, err)
	return p
}

// signedBy is the policy that a key must have signed every image.
func signedBy(t *testing.T, keyDir string) *policy.Policy {
	t.Helper()
	return parsePolicy(t, keyDir, "default: signed\nrules: [{match: '**', key: cosign.pub}]")
}

// copySignatures copies the signature tag of one digest to another digest.
func copySignatures(t *testing.T, repository string, from, to v1.Hash) {
	t.Helper()
	tag := func(h v1.Hash) name.Tag {
		tag, err := name.NewTag(repository + ":sha256-" + h.Hex + ".sig")
		must(t, err)
		return tag
	}
	signatures, err := remote.Image(tag(from))
	must(t, err)
	must(t, remote.Write(tag(to), signatures))
}

func newImage(t *testing.T, content string) v1.Image {
	t.Helper()
	return image.Make(t, v1.Config{}, image.Layer(t, image.File("a", content)))
}

// pushOne pushes an image as REPOSITORY:1 to a registry of its own.
func pushOne(t *testing.T, content string) (repository string, digest v1.Hash) {
	t.Helper()
	repository = image.Serve(t, nil) + "/web"
	return repository, image.Push(t, newImage(t, content), repository+":1")
}

func TestVerifiesSignatureTag(t *testing.T) {
	t.Parallel()
	trusted, other := newKeyPairs(t)
	p := signedBy(t, trusted)
	sign := func(keys ...string) func(string, v1.Hash) {
		return func(repository string, digest v1.Hash) {
			for _, key := range keys {
				signWith(t, repository+"@"+digest.String(), key)
			}
		}
	}
	for name, tt := range map[string]struct {
		prepare func(repository string, digest v1.Hash)
		want    string
	}{
		"signed by the key":     {prepare: sign(trusted)},
		"signed by both":        {prepare: sign(other, trusted)},
		"not signed":            {prepare: sign(), want: "no signature"},
		"signed by another key": {prepare: sign(other), want: "no signature by key cosign.pub"},
		"signature copied from another image": {prepare: func(repository string, digest v1.Hash) {
			second := image.Push(t, newImage(t, "second"), repository+":second")
			sign(trusted)(repository, second)
			copySignatures(t, repository, second, digest)
		}, want: "no signature by key cosign.pub"},
		"tag moved to an unsigned image": {prepare: func(repository string, digest v1.Hash) {
			sign(trusted)(repository, digest)
			image.Push(t, newImage(t, "moved"), repository+":1")
		}, want: "no signature"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			repository, digest := pushOne(t, "signed")
			tt.prepare(repository, digest)
			verified, err := check(t, repository+":1", p, Enforce)
			if tt.want == "" {
				if err != nil || !strings.HasPrefix(verified.Results()[0].Signer, "key sha256:") {
					t.Errorf("refused: %v", err)
				}
				return
			}
			if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), `services[0] "web"`) {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
}

func TestIndexOrPlatformMayBeSigned(t *testing.T) {
	t.Parallel()
	trusted, _ := newKeyPairs(t)
	for _, signed := range []string{"index", "platform"} {
		repository := image.Serve(t, nil) + "/web"
		digest, platform := pushIndex(t, repository, "1")
		if signed == "platform" {
			digest = platform
		}
		if _, err := check(t, repository+":1", signedBy(t, trusted), Enforce); !errors.Is(err, ErrRefused) {
			t.Errorf("before signing: %v", err)
		}
		signWith(t, repository+"@"+digest.String(), trusted)
		if _, err := check(t, repository+":1", signedBy(t, trusted), Enforce); err != nil {
			t.Errorf("%s signed: %v", signed, err)
		}
	}
}

func TestDefaultAppliesWithoutRule(t *testing.T) {
	t.Parallel()
	repository, digest := pushOne(t, "1")
	for name, tt := range map[string]struct{ policy, reference, want string }{
		"tag, digest required":       {policy: "digest", reference: ":1", want: "not pinned: a tag can move; append @" + digest.String()},
		"digest, digest required":    {policy: "digest", reference: "@" + digest.String()},
		"tag, any allowed":           {policy: "any", reference: ":1"},
		"digest, signature required": {policy: "signed", reference: "@" + digest.String(), want: "no rule names a signer"},
	} {
		_, err := check(t, repository+tt.reference, &policy.Policy{Default: tt.policy}, Enforce)
		if (err == nil) != (tt.want == "") || (err != nil && !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: %v", name, err)
		}
	}
	verified, err := check(t, repository+":1", &policy.Policy{Default: policy.RequireDigest}, Warn)
	if err != nil || verified.Results()[0].Violation == nil {
		t.Errorf("mode warn: %v", err)
	}
	if verified, err = check(t, repository+":1", nil, Off); err != nil || len(verified.Results()) != 1 {
		t.Errorf("mode off: %v", err)
	}
}

// TestLockPins: a digest in the lock counts as one in the manifest, and cached signatures
// count offline.
func TestLockPins(t *testing.T) {
	t.Parallel()
	trusted, other := newKeyPairs(t)
	repository, digest := pushOne(t, "1")
	signWith(t, repository+"@"+digest.String(), trusted)
	m := loadManifest(t, "services: [{name: web, image: '"+repository+":1'}]")
	cache, err := component.OpenCache(t.TempDir())
	must(t, err)
	access := &component.Registry{Cache: cache}
	for _, offline := range []bool{false, true} {
		access = &component.Registry{Cache: cache, Lock: access.Lock, Offline: offline}
		set := resolve(t, m, access)
		if access.Lock, err = set.Lock(); err != nil {
			t.Fatal(err)
		}
		for name, tt := range map[string]struct {
			policy *policy.Policy
			want   error
		}{
			"digest required":       {&policy.Policy{Default: policy.RequireDigest}, nil},
			"signed by the key":     {signedBy(t, trusted), nil},
			"signed by another key": {signedBy(t, other), ErrRefused},
		} {
			opts := Options{Mode: Enforce, Offline: offline, Report: progress.Silent()}
			if _, err := Check(t.Context(), set, tt.policy, opts); !errors.Is(err, tt.want) {
				t.Errorf("%s, offline %v: %v", name, offline, err)
			}
		}
	}
}

func TestTrustRequiresSignature(t *testing.T) {
	t.Parallel()
	trusted, _ := newKeyPairs(t)
	host := image.Serve(t, nil)
	digest := image.Push(t, newImage(t, "1"), host+"/acme/web:1")
	checkTrust := func(trust string, p *policy.Policy, mode string) error {
		m := loadManifest(t, "trust: "+trust+"\nservices: [{name: web, image: '"+host+"/acme/web:1'}]")
		_, err := Check(t.Context(), resolve(t, m, &component.Registry{}), p, Options{Mode: mode, Report: progress.Silent()})
		return err
	}
	for trust, required := range map[string]bool{
		"{org: ['" + host + "/acme']}":         true,
		"{org: ['" + host + "/ac']}":           false,
		"{org: [acme]}":                        false, // an organisation of Docker Hub
		"{image: ['" + host + "/acme/web']}":   true,
		"{image: ['" + host + "/acme/web:1']}": true,
		"{image: ['" + host + "/acme/web:2']}": false,
		"{image: ['" + host + "/acme/w']}":     false,

		"{image: ['" + host + "/acme/web:2@" + digest.String() + "']}": true, // the tag moved, the digest is the same
	} {
		for mode, enforced := range map[string]bool{Enforce: true, Warn: true, Off: false} {
			err := checkTrust(trust, &policy.Policy{Default: policy.AllowAny}, mode)
			if errors.Is(err, ErrRefused) != (required && enforced) {
				t.Errorf("%s, %s: %v", trust, mode, err)
			}
		}
	}
	acme := "{org: ['" + host + "/acme']}"
	if err := checkTrust(acme, signedBy(t, trusted), Warn); !errors.Is(err, ErrRefused) {
		t.Errorf("violation of a rule in mode warn: %v", err)
	}
	signWith(t, host+"/acme/web@"+digest.String(), trusted)
	if err := checkTrust(acme, signedBy(t, trusted), Enforce); err != nil {
		t.Errorf("signed: %v", err)
	}
}

// TestUnavailableRegistryIsNoVerdict: the image is neither verified nor refused.
func TestUnavailableRegistryIsNoVerdict(t *testing.T) {
	t.Parallel()
	trusted, _ := newKeyPairs(t)
	repository := image.Serve(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, ".sig") {
				w.WriteHeader(http.StatusTooManyRequests)
				return
			}
			next.ServeHTTP(w, r)
		})
	}) + "/web"
	image.Push(t, newImage(t, "1"), repository+":1")
	_, err := check(t, repository+":1", signedBy(t, trusted), Warn)
	if !errors.Is(err, component.ErrUnavailable) || errors.Is(err, ErrRefused) {
		t.Errorf("got %v", err)
	}
}

func TestFirstMatchingRuleApplies(t *testing.T) {
	t.Parallel()
	trusted, other := newKeyPairs(t)
	repository := image.Serve(t, nil) + "/acme/web"
	digest := image.Push(t, newImage(t, "1"), repository+":1")
	signWith(t, repository+"@"+digest.String(), trusted)
	rule := func(match, dir string) string {
		return "- {match: '" + match + "', key: " + filepath.Join(dir, registry.PublicKey) + "}\n"
	}
	for _, tt := range []struct {
		rules string
		want  error
	}{
		{rule("**", trusted) + rule("**/acme/*", other), nil},
		{rule("**/acme/*", other) + rule("**", trusted), ErrRefused}, // the second does not apply
		{rule("**/other/*", other) + rule("**", trusted), nil},
		{rule("**/other/*", trusted), ErrRefused}, // none matches, and the image is not pinned
	} {
		p := parsePolicy(t, t.TempDir(), "rules:\n"+tt.rules)
		if _, err := check(t, repository+":1", p, Enforce); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v", tt.rules, err)
		}
	}
}

func TestNotesWarningsOfThePolicy(t *testing.T) {
	t.Parallel()
	trusted, _ := newKeyPairs(t)
	p := parsePolicy(t, trusted, "rules: [{match: '**', key: cosign.pub}, {match: alpine, key: cosign.pub}]")
	var log bytes.Buffer
	reporter, err := progress.New("plain", &log)
	must(t, err)
	set := &component.Set{Manifest: &manifest.Manifest{}}
	_, err = Check(t.Context(), set, p, Options{Mode: Enforce, Report: reporter})
	must(t, err)
	if !strings.Contains(log.String(), `policy.yml:1:`) || !strings.Contains(log.String(), "unreachable") {
		t.Errorf("got %q", log.String())
	}
}
