package verify

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

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
	options := func() (*tuf.Options, error) {
		return tuf.DefaultOptions().WithCachePath(t.TempDir()).WithRepositoryBaseURL(down.URL), nil
	}
	var a authorities
	_, err := a.get(t.Context(), options, false)
	if !errors.Is(err, component.ErrUnavailable) || errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "Sigstore cannot be reached") {
		t.Errorf("got %v", err)
	}
	if asked.Load() != sigstoreAttempts {
		t.Errorf("asked %d times, not %d", asked.Load(), sigstoreAttempts)
	}
	down.Close()
	if _, err := a.get(t.Context(), options, false); !errors.Is(err, component.ErrUnavailable) || !errors.Is(component.Classify(err), component.ErrUnavailable) {
		t.Errorf("nobody listens: %v", err)
	}
	if _, err := a.get(t.Context(), options, true); !errors.Is(err, component.ErrOffline) || errors.Is(err, component.ErrUnavailable) {
		t.Errorf("offline: %v", err)
	}
	if asked.Load() != sigstoreAttempts {
		t.Error("asked although offline")
	}
}

// TestTrustedRootByTUF: fetched once, then the cache has it, though nobody listens any more.
func TestTrustedRootByTUF(t *testing.T) {
	t.Parallel()
	m := newTUFMirror(t, trustedRoot(t))
	get := func(offline bool) error {
		var a authorities // as in another run
		material, err := a.get(t.Context(), m.options, offline)
		if err == nil && len(material.FulcioCertificateAuthorities()) == 0 {
			t.Error("there are no authorities in it")
		}
		return err
	}
	if err := get(true); !errors.Is(err, component.ErrOffline) || m.asked.Load() != 0 {
		t.Errorf("nothing is cached: %v", err)
	}
	if err := get(false); err != nil {
		t.Fatal(err)
	}
	asked := m.asked.Load()
	if err := get(false); err != nil || m.asked.Load() != asked {
		t.Errorf("asked again within the day: %v", err)
	}
	m.server.Close()
	for _, offline := range []bool{false, true} {
		if err := get(offline); err != nil {
			t.Errorf("from the cache, offline %v: %v", offline, err)
		}
	}
}

// trustedRoot is one that is well formed.
func trustedRoot(t *testing.T) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(newWorld(t).dir, "trusted_root.json"))
	must(t, err)
	return text
}

// TestLiesAboutTheTrustedRoot: an attack, or a mirror that is not kept up, is no passing
// fault, and no trusted root.
func TestLiesAboutTheTrustedRoot(t *testing.T) {
	t.Parallel()
	good := trustedRoot(t)
	soon, past := time.Now().Add(time.Hour), time.Now().Add(-time.Minute)
	spoil := func(path string) func(*tufMirror) {
		return func(m *tufMirror) { m.files[path] = bytes.Replace(m.files[path], []byte("2"), []byte("3"), 1) }
	}
	forge := func(m *tufMirror) *tufMirror {
		other := newTUFMirror(m.t, good)
		other.publish(2, "trusted_root.json", good, soon)
		return other
	}
	for name, tt := range map[string]struct {
		lie  func(m *tufMirror)
		want string
	}{
		"one byte replaced":      {func(m *tufMirror) { m.files[m.target] = append([]byte(" "), good[1:]...) }, "hash"},
		"longer than said":       {func(m *tufMirror) { m.files[m.target] = append(bytes.Clone(good), ' ') }, "larger than expected"},
		"shorter than said":      {func(m *tufMirror) { m.files[m.target] = good[1:] }, "length"},
		"edited timestamp":       {spoil("/timestamp.json"), "Verifying timestamp failed"},
		"edited list of targets": {spoil("/1.targets.json"), "Verifying targets failed"},
		"edited snapshot":        {spoil("/1.snapshot.json"), "Verifying snapshot failed"},
		"signed by another":      {func(m *tufMirror) { m.files["/timestamp.json"] = forge(m).files["/timestamp.json"] }, "Verifying timestamp failed"},
		"another root":           {func(m *tufMirror) { m.files["/2.root.json"] = forge(m).files["/1.root.json"] }, "Verifying root failed"},
		"mixed from two versions": {func(m *tufMirror) {
			old := m.files["/1.targets.json"]
			m.publish(2, "trusted_root.json", good, soon)
			m.files["/2.targets.json"] = old
		}, "expected targets version 2, got 1"},
		"out of date":              {func(m *tufMirror) { m.publish(2, "trusted_root.json", good, past) }, "it is out of date"},
		"a page of an inn's":       {func(m *tufMirror) { m.files["/timestamp.json"] = []byte("<html>Log in</html>") }, "invalid character"},
		"no trusted root":          {func(m *tufMirror) { m.publish(2, "ctfe.pub", good, soon) }, "target trusted_root.json not found"},
		"a trusted root of others": {func(m *tufMirror) { m.publish(2, "trusted_root.json", []byte(`{"mediaType":"x"}`), soon) }, "media type: x"},
		"not there":                {func(m *tufMirror) { delete(m.files, "/timestamp.json") }, "404"},
		"without end": {func(m *tufMirror) {
			m.answer = func(w http.ResponseWriter, r *http.Request) bool {
				for r.URL.Path == "/timestamp.json" {
					if _, err := w.Write(make([]byte, 64<<10)); err != nil {
						return true
					}
				}
				return false
			}
		}, "larger than expected"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newTUFMirror(t, good)
			tt.lie(m)
			var a authorities
			_, err := a.get(t.Context(), m.options, false)
			if !errors.Is(err, ErrAuthorities) || errors.Is(err, component.ErrUnavailable) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
			if !strings.Contains(err.Error(), m.server.URL) || !strings.Contains(err.Error(), "trustedRoot: FILE") || strings.Contains(err.Error(), "\n") {
				t.Errorf("it names not the place, or the remedy: %v", err)
			}
		})
	}
}

// TestTrustedRootIsNotRolledBack: who has seen a newer one does not take the older again.
func TestTrustedRootIsNotRolledBack(t *testing.T) {
	t.Parallel()
	good := trustedRoot(t)
	m := newTUFMirror(t, good)
	older := maps.Clone(m.files)
	m.publish(2, "trusted_root.json", good, time.Now().Add(time.Hour))
	var first, second authorities
	if _, err := first.get(t.Context(), m.options, false); err != nil {
		t.Fatal(err)
	}
	m.files = older
	must(t, os.Remove(filepath.Join(m.cache, tuf.URLToPath(m.server.URL)+".json"))) // when it was asked last
	if _, err := second.get(t.Context(), m.options, false); !errors.Is(err, ErrAuthorities) || !strings.Contains(err.Error(), "version") {
		t.Errorf("got %v", err)
	}
}

// TestMirrorsThatDoNotAnswerWell: they are asked again, and waited for, but not for ever.
func TestMirrorsThatDoNotAnswerWell(t *testing.T) {
	t.Parallel()
	good := trustedRoot(t)
	at := func(path string, do func(n int64, w http.ResponseWriter, r *http.Request) bool) func(*tufMirror) {
		return func(m *tufMirror) {
			var n atomic.Int64
			m.answer = func(w http.ResponseWriter, r *http.Request) bool {
				return r.URL.Path == path && do(n.Add(1), w, r)
			}
		}
	}
	busy := func(code int, times int64) func(int64, http.ResponseWriter, *http.Request) bool {
		return func(n int64, w http.ResponseWriter, _ *http.Request) bool {
			if n <= times {
				w.WriteHeader(code)
			}
			return n <= times
		}
	}
	stall := func(_ int64, w http.ResponseWriter, r *http.Request) bool {
		w.Write([]byte("{"))
		w.(http.Flusher).Flush()
		<-r.Context().Done()
		return true
	}
	breakOff := func(_ int64, w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Content-Length", "100")
		w.Write([]byte("{"))
		return true
	}
	for name, tt := range map[string]struct {
		lie      func(*tufMirror)
		patience time.Duration
		want     error
	}{
		"busy twice":           {at("/timestamp.json", busy(http.StatusInternalServerError, 2)), time.Minute, nil},
		"too many twice":       {at("/2.root.json", busy(http.StatusTooManyRequests, 2)), time.Minute, nil},
		"busy for good":        {at("/timestamp.json", busy(http.StatusBadGateway, 99)), time.Minute, component.ErrUnavailable},
		"a byte, then silence": {at("/timestamp.json", stall), time.Second, component.ErrUnavailable},
		"broken in the middle": {at("/1.targets.json", breakOff), time.Minute, component.ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newTUFMirror(t, good)
			tt.lie(m)
			ctx, cancel := context.WithTimeout(t.Context(), tt.patience)
			defer cancel()
			var a authorities
			_, err := a.get(ctx, m.options, false)
			if !errors.Is(err, tt.want) || errors.Is(err, ErrAuthorities) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestCacheOfTUFHeals: what TUF would not believe it fetches again.
func TestCacheOfTUFHeals(t *testing.T) {
	t.Parallel()
	m := newTUFMirror(t, trustedRoot(t))
	for range 2 {
		var a authorities
		if _, err := a.get(t.Context(), m.options, false); err != nil {
			t.Fatal(err)
		}
		files, err := filepath.Glob(filepath.Join(m.cache, "*", "targets", "*"))
		if err != nil || len(files) != 1 {
			t.Fatalf("cached: %v, %v", files, err)
		}
		must(t, os.WriteFile(files[0], []byte("spoilt"), 0o600))
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
