package component

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/org/linuxkit-action/fixtures/image"
	"github.com/org/linuxkit-action/internal/component/lock"
)

// counter counts what a registry is asked.
func counter(n *atomic.Int64) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			n.Add(1)
			next.ServeHTTP(w, r)
		})
	}
}

func of(t *testing.T, content string) v1.Image {
	t.Helper()
	return image.Make(t, v1.Config{}, image.Layer(t, image.File("a", content)))
}

// locked resolves one reference and locks it.
func locked(t *testing.T, reference string, registry *Registry) *lock.Lock {
	t.Helper()
	set, err := resolve(t, reference, registry)
	if err != nil {
		t.Fatal(err)
	}
	l, err := set.Lock()
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestLockedTagsDoNotMove(t *testing.T) {
	t.Parallel()
	host := image.Serve(t, nil)
	old := image.Push(t, of(t, "old"), host+"/web:1")
	l := locked(t, host+"/web:1", &Registry{})
	for _, moved := range []bool{false, true} {
		set, err := resolve(t, host+"/web:1", &Registry{Lock: l})
		if err != nil {
			t.Fatal(err)
		}
		if c := set.Components[0]; c.PlatformDigest != old || !c.Pinned() || set.Unlocked() != nil {
			t.Errorf("moved %v: %s, pinned %v, want %s", moved, c.PlatformDigest, c.Pinned(), old)
		}
		drift := set.Drift(t.Context())
		if (drift != nil) != moved || moved && !strings.Contains(drift.Error(), `services[0] "web": image `+host+`/web:1: the tag has moved: it is sha256:`) {
			t.Errorf("moved %v: drift %v", moved, drift)
		}
		image.Push(t, of(t, "new"), host+"/web:1")
	}
}

func TestDriftThatCannotBeKnownIsTold(t *testing.T) {
	t.Parallel()
	l := &lied{about: "nothing"}
	host := image.Serve(t, func(honest http.Handler) http.Handler { l.honest = honest; return l })
	image.Push(t, of(t, "1"), host+"/web:1")
	cache := open(t, t.TempDir())
	known := locked(t, host+"/web:1", &Registry{Cache: cache})
	set, err := resolve(t, host+"/web:1", &Registry{Cache: cache, Lock: known, Mirrors: []string{"http://127.0.0.1:1"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := set.Drift(t.Context()); !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "cannot tell whether the tag has moved") {
		t.Errorf("got %v", err)
	}
}

func TestDigestInTheManifestWins(t *testing.T) {
	t.Parallel()
	host := image.Serve(t, nil)
	ours, other := image.Push(t, of(t, "ours"), host+"/web:1"), image.Push(t, of(t, "other"), host+"/web:2")
	l := lock.New()
	for _, reference := range []string{host + "/web:1", host + "/web@" + ours.String()} {
		l.Images[reference] = lock.Image{IndexDigest: lock.Digest{Hash: other}}
	}
	set, err := resolve(t, host+"/web@"+ours.String(), &Registry{Lock: l})
	if err != nil || set.Components[0].PlatformDigest != ours || set.Drift(t.Context()) != nil {
		t.Errorf("got %v", err)
	}
	if set, err = resolve(t, host+"/web:1", &Registry{Lock: l}); err != nil || set.Components[0].PlatformDigest != other {
		t.Errorf("by tag, the lock says otherwise: %v", err)
	}
}

func TestUnlockedReferencesAreTold(t *testing.T) {
	t.Parallel()
	host := image.Serve(t, nil)
	image.Push(t, of(t, "1"), host+"/web:1")
	set, err := resolve(t, host+"/web:1", &Registry{Lock: lock.New()})
	if err != nil {
		t.Fatal(err)
	}
	if err := set.Unlocked(); set.Components[0].Pinned() || err == nil || !strings.Contains(err.Error(), "not locked; run linuxkit-action lock") {
		t.Errorf("got %v", err)
	}
}

func TestLockKnowsEveryPlatformOfLinux(t *testing.T) {
	t.Parallel()
	host := image.Serve(t, nil)
	made := of(t, "1")
	add := func(system, arch, variant string) mutate.IndexAddendum {
		return mutate.IndexAddendum{Add: empty.Image, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: system, Architecture: arch, Variant: variant}}}
	}
	image.PushIndex(t, mutate.AppendManifests(empty.Index, add("windows", "amd64", ""), add("unknown", "unknown", ""), add("linux", "arm", "v7"), forAMD64(made)), host+"/web:1")
	l := locked(t, host+"/web:1", &Registry{})
	digest, err := made.Digest()
	if err != nil {
		t.Fatal(err)
	}
	got := l.Images[host+"/web:1"]
	if len(got.Platforms) != 2 || got.Platforms["linux/amd64"].Hash != digest || got.Platforms["linux/arm/v7"].Hex == "" || got.IndexDigest.Hash == digest {
		t.Errorf("got %+v", got)
	}
	if _, err := resolve(t, host+"/web:1", &Registry{Lock: l}); err != nil {
		t.Errorf("as it was written: %v", err)
	}
	got.Platforms["linux/amd64"] = got.Platforms["linux/arm/v7"]
	if _, err := resolve(t, host+"/web:1", &Registry{Lock: l}); !errors.Is(err, ErrDigest) || !strings.Contains(err.Error(), "the lock does not know sha256:") {
		t.Errorf("a lock that lies of a platform: %v", err)
	}
}

// TestOfflineAsksNobody: with a lock and a warm cache everything is there, signatures
// among it, and what is not says so.
func TestOfflineAsksNobody(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	host := image.Serve(t, counter(&asked))
	image.PushIndex(t, mutate.AppendManifests(empty.Index, forAMD64(of(t, "1"))), host+"/web:1")
	signature := image.Push(t, of(t, "signature"), host+"/web:sha256-1.sig")
	cache := open(t, t.TempDir())
	online := &Registry{Cache: cache}
	l := locked(t, host+"/web:1", online)
	look := func(registry *Registry, tag string) (v1.Hash, error) {
		set, err := resolve(t, host+"/web:1", registry)
		if err != nil {
			return v1.Hash{}, err
		}
		c := set.Components[0]
		unpacked, err := c.Unpack(t.Context(), cache, silent)
		if err != nil {
			return v1.Hash{}, err
		}
		unpacked.Close()
		found, err := remote.Image(c.Repository().Tag(tag), c.RemoteOptions()...)
		if err != nil {
			return v1.Hash{}, Classify(err)
		}
		return found.Digest()
	}
	offline := &Registry{Cache: cache, Lock: l, Offline: true}
	if _, err := look(offline, "sha256-1.sig"); !errors.Is(err, ErrOffline) || !strings.Contains(err.Error(), ": offline: the cache lacks sha256:") {
		t.Errorf("cold cache: %v", err)
	}
	for tag, want := range map[string]error{"sha256-1.sig": nil, "sha256-2.sig": ErrNotFound} {
		if _, err := look(online, tag); !errors.Is(err, want) {
			t.Fatal(err)
		}
		before := asked.Load()
		if got, err := look(offline, tag); !errors.Is(err, want) || err == nil && got != signature || asked.Load() != before {
			t.Errorf("%s: %s, %v after %d questions", tag, got, err, asked.Load()-before)
		}
	}
	if _, err := look(offline, "sha256-3.sig"); !errors.Is(err, ErrOffline) {
		t.Errorf("never asked: %v", err)
	}
	if _, err := look(&Registry{Cache: cache, Offline: true}, "sha256-1.sig"); !errors.Is(err, ErrOffline) || !strings.Contains(err.Error(), "not in the lock") {
		t.Errorf("not locked: %v", err)
	}
	for _, spoil := range []string{"answers", "blobs/sha256"} {
		spoilAll(t, filepath.Join(cache.dir, spoil))
		if _, err := look(offline, "sha256-1.sig"); !errors.Is(err, ErrOffline) {
			t.Errorf("%s spoilt: %v", spoil, err)
		}
	}
	if _, err := look(online, "sha256-1.sig"); err != nil {
		t.Errorf("a spoilt cache does not heal: %v", err)
	}
	if _, err := look(offline, "sha256-1.sig"); err != nil {
		t.Errorf("healed: %v", err)
	}
}

func spoilAll(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) == 0 {
		t.Fatalf("%v, %d files", err, len(entries))
	}
	for _, e := range entries {
		if err := os.WriteFile(filepath.Join(dir, e.Name()), []byte("{}"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func FuzzParseAnswer(f *testing.F) {
	f.Add([]byte(`{"question":"x manifests/1","status":200,"type":"t","digest":"sha256:` + strings.Repeat("0", 64) + `"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if a, ok := parseAnswer(text); ok && (len(a.Digest.Hex) != 64 || strings.Contains(a.Digest.Hex, "/")) {
			t.Errorf("digest %q", a.Digest.Hex)
		}
	})
}

func FuzzMediaTypeOf(f *testing.F) {
	f.Add([]byte(`{"schemaVersion":2,"manifests":[]}`))
	f.Add([]byte(`{"schemaVersion":2,"layers":[]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		kind, err := mediaTypeOf(raw)
		if err != nil && !errors.Is(err, ErrMalformed) {
			t.Errorf("no kind: %v", err)
		}
		if kind.IsImage() && kind.IsIndex() {
			t.Errorf("both: %s", kind)
		}
	})
}
