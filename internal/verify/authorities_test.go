package verify

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/org/linuxkit-action/fixtures/image"
	"github.com/org/linuxkit-action/internal/component"
	"github.com/sigstore/sigstore-go/pkg/tuf"
)

// TestSigstoreDownIsNoVerdict: it is asked again, and then the run may be tried again.
func TestSigstoreDownIsNoVerdict(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	down := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	t.Cleanup(down.Close)
	options := func() *tuf.Options {
		return tuf.DefaultOptions().WithCachePath(t.TempDir()).WithRepositoryBaseURL(down.URL)
	}
	var a authorities
	_, err := a.get(t.Context(), options(), false)
	if !errors.Is(err, component.ErrUnavailable) || errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "Sigstore cannot be reached") {
		t.Errorf("got %v", err)
	}
	if asked.Load() != sigstoreAttempts {
		t.Errorf("asked %d times, not %d", asked.Load(), sigstoreAttempts)
	}
	down.Close()
	if _, err := a.get(t.Context(), options(), false); !errors.Is(err, component.ErrUnavailable) || !errors.Is(component.Classify(err), component.ErrUnavailable) {
		t.Errorf("nobody listens: %v", err)
	}
	if _, err := a.get(t.Context(), options(), true); !errors.Is(err, component.ErrOffline) || errors.Is(err, component.ErrUnavailable) {
		t.Errorf("offline: %v", err)
	}
	if asked.Load() != sigstoreAttempts {
		t.Error("asked although offline")
	}
}

// TestNobodyIsAskedForWhatNoRuleNeeds: a rule by key does not need Sigstore, nor does a
// signature that is there already need other places to be looked at.
func TestNobodyIsAskedForWhatNoRuleNeeds(t *testing.T) {
	t.Parallel()
	ours, _ := keys(t)
	var asked atomic.Int32
	repository := image.Serve(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.Contains(r.URL.Path, "/referrers/") {
				asked.Add(1)
			}
			next.ServeHTTP(w, r)
		})
	}) + "/web"
	digest := image.Push(t, image.Make(t, v1.Config{}, image.Layer(t, image.File("a", "1"))), repository+":1")
	signWith(t, repository+"@"+digest.String(), ours)
	policy := mustSign(t, ours)
	if _, err := check(t, repository+":1", policy, Enforce); err != nil || asked.Load() != 0 {
		t.Errorf("asked %d times for referrers: %v", asked.Load(), err)
	}
	if policy.sigstore.material != nil {
		t.Error("Sigstore was asked")
	}
}

// TestKeyInAKMSIsAskedForWhenItIsNeeded: not while the policy is read.
func TestKeyInAKMSIsAskedForWhenItIsNeeded(t *testing.T) {
	t.Parallel()
	policy, err := ParsePolicy(filepath.Join(t.TempDir(), "p.yml"), []byte("rules: [{match: '**', key: 'nokms://none'}]"))
	if err != nil {
		t.Fatal(err)
	}
	ours, _ := keys(t)
	repository := image.Serve(t, nil) + "/web"
	digest := image.Push(t, image.Make(t, v1.Config{}, image.Layer(t, image.File("a", "1"))), repository+":1")
	if _, err := check(t, repository+":1", policy, Enforce); !errors.Is(err, ErrRefused) {
		t.Errorf("not signed: %v", err)
	}
	signWith(t, repository+"@"+digest.String(), ours)
	if _, err := check(t, repository+":1", policy, Enforce); !errors.Is(err, ErrPolicy) || !strings.Contains(err.Error(), "key nokms://none") {
		t.Errorf("signed, and the key cannot be loaded: %v", err)
	}
}

// TestKeyInTheEnvironment: env:// as cosign has it. Not parallel: the environment is one.
func TestKeyInTheEnvironment(t *testing.T) {
	w := newWorld(t)
	key := w.newKey("a.pub")
	pem, err := key.GetPublicKeyPem()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("LINUXKIT_TEST_KEY", pem)
	told(t, w, "rules: [{match: '**', key: 'env://LINUXKIT_TEST_KEY'}]", map[string]lie{
		"the truth": {func(w *world, r string, d v1.Hash) { attach(w.t, r, d, w.byKey(key, statement(signPredicate, d))) }, ""},
	})
}
