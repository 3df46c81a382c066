package verify

import (
	"errors"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/org/linuxkit-action/fixtures/image"
	"github.com/org/linuxkit-action/internal/verify/signer"
)

// TestRequestsOnlyWhatARuleNeeds: a rule by key does not need Sigstore's trusted root, and
// once the threshold is reached no further location is requested.
func TestRequestsOnlyWhatARuleNeeds(t *testing.T) {
	trusted, _ := newKeyPairs(t)
	var requests atomic.Int32
	repository := image.Serve(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.Contains(r.URL.Path, "/referrers/") {
				requests.Add(1)
			}
			next.ServeHTTP(w, r)
		})
	}) + "/web"
	digest := image.Push(t, newImage(t, "1"), repository+":1")
	signWith(t, repository+"@"+digest.String(), trusted)
	cache := filepath.Join(t.TempDir(), "tuf")
	t.Setenv("TUF_ROOT", cache)
	if _, err := check(t, repository+":1", signedBy(t, trusted), Enforce); err != nil || requests.Load() != 0 {
		t.Errorf("%d requests for referrers: %v", requests.Load(), err)
	}
	if files, _ := filepath.Glob(cache + "*"); len(files) != 0 {
		t.Error("the trusted root was loaded")
	}
}

// TestLoadsServiceKeyOnDemand: not when the policy is parsed.
func TestLoadsServiceKeyOnDemand(t *testing.T) {
	t.Parallel()
	p := parsePolicy(t, t.TempDir(), "rules: [{match: '**', key: 'nokms://none'}]")
	trusted, _ := newKeyPairs(t)
	repository, digest := pushOne(t, "1")
	if _, err := check(t, repository+":1", p, Enforce); !errors.Is(err, ErrRefused) {
		t.Errorf("not signed: %v", err)
	}
	signWith(t, repository+"@"+digest.String(), trusted)
	_, err := check(t, repository+":1", p, Enforce)
	if !errors.Is(err, signer.ErrKey) || !strings.Contains(err.Error(), "unusable key nokms://none: ") {
		t.Errorf("signed, unknown key service: %v", err)
	}
}

// TestKeyInTheEnvironment is not parallel, for it sets a variable.
func TestKeyInTheEnvironment(t *testing.T) {
	s := newVirtualSigstore(t)
	key := s.newKey("a.pub")
	pem, err := key.GetPublicKeyPem()
	must(t, err)
	t.Setenv("LINUXKIT_TEST_KEY", pem)
	checkCases(t, s, "rules: [{match: '**', key: 'env://LINUXKIT_TEST_KEY'}]", map[string]attachmentCase{
		"by the key": {attach: byKeys(signPredicate, key)},
	})
}
