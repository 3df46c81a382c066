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

// countRequests counts the requests to a registry.
func countRequests(n *atomic.Int64) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			n.Add(1)
			next.ServeHTTP(w, r)
		})
	}
}

// lockFor resolves one reference and locks it.
func lockFor(t *testing.T, reference string, registry *Registry) *lock.Lock {
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

func TestLockedTagKeepsDigest(t *testing.T) {
	t.Parallel()
	host := image.Serve(t, nil)
	old := image.Push(t, imageWith(t, "old"), host+"/web:1")
	l := lockFor(t, host+"/web:1", &Registry{})
	for _, moved := range []bool{false, true} {
		set, err := resolve(t, host+"/web:1", &Registry{Lock: l})
		if err != nil {
			t.Fatal(err)
		}
		if c := set.Components[0]; c.PlatformDigest != old || !c.Pinned() || set.Unlocked() != nil {
			t.Errorf("moved %v: %s, pinned %v, want %s", moved, c.PlatformDigest, c.Pinned(), old)
		}
		want := `services[0] "web": image ` + host + `/web:1: tag has moved: locked to ` + old.String() + `, now sha256:`
		drift := set.Drift(t.Context())
		if (drift != nil) != moved || moved && !strings.Contains(drift.Error(), want) {
			t.Errorf("moved %v: drift %v", moved, drift)
		}
		image.Push(t, imageWith(t, "new"), host+"/web:1")
	}
}

func TestDriftReportsUnavailableRegistry(t *testing.T) {
	t.Parallel()
	host := image.Serve(t, nil)
	image.Push(t, imageWith(t, "1"), host+"/web:1")
	cache := openCache(t, t.TempDir())
	known := lockFor(t, host+"/web:1", &Registry{Cache: cache})
	set, err := resolve(t, host+"/web:1", &Registry{Cache: cache, Lock: known, Mirrors: []string{"http://127.0.0.1:1"}})
	if err != nil {
		t.Fatal(err)
	}
	checkError(t, set.Drift(t.Context()), ErrUnavailable, "cannot check whether the tag has moved")
}

func TestDigestInManifestOverridesLock(t *testing.T) {
	t.Parallel()
	host := image.Serve(t, nil)
	pinned, other := image.Push(t, imageWith(t, "pinned"), host+"/web:1"), image.Push(t, imageWith(t, "other"), host+"/web:2")
	l := lock.New()
	for _, reference := range []string{host + "/web:1", host + "/web@" + pinned.String()} {
		l.Images[reference] = lock.Image{IndexDigest: lock.Digest{Hash: other}}
	}
	set, err := resolve(t, host+"/web@"+pinned.String(), &Registry{Lock: l})
	if err != nil || set.Components[0].PlatformDigest != pinned || set.Drift(t.Context()) != nil {
		t.Errorf("got %v", err)
	}
	if set, err = resolve(t, host+"/web:1", &Registry{Lock: l}); err != nil || set.Components[0].PlatformDigest != other {
		t.Errorf("by tag, with another digest in the lock: %v", err)
	}
}

func TestReportsUnlockedReferences(t *testing.T) {
	t.Parallel()
	host := image.Serve(t, nil)
	image.Push(t, imageWith(t, "1"), host+"/web:1")
	set, err := resolve(t, host+"/web:1", &Registry{Lock: lock.New()})
	if err != nil {
		t.Fatal(err)
	}
	err = set.Unlocked()
	if set.Components[0].Pinned() || err == nil || !strings.Contains(err.Error(), "not locked; run linuxkit-action lock") {
		t.Errorf("got %v", err)
	}
}

func TestLockHasEveryLinuxPlatform(t *testing.T) {
	t.Parallel()
	host := image.Serve(t, nil)
	made := imageWith(t, "1")
	image.PushIndex(t, mutate.AppendManifests(empty.Index,
		indexEntry(empty.Image, v1.Platform{OS: "windows", Architecture: "amd64"}),
		indexEntry(empty.Image, v1.Platform{OS: "unknown", Architecture: "unknown"}),
		indexEntry(empty.Image, v1.Platform{OS: "linux", Architecture: "arm", Variant: "v7"}),
		amd64(made),
	), host+"/web:1")
	l := lockFor(t, host+"/web:1", &Registry{})
	digest, err := made.Digest()
	if err != nil {
		t.Fatal(err)
	}
	got := l.Images[host+"/web:1"]
	if len(got.Platforms) != 2 || got.Platforms["linux/amd64"].Hash != digest || got.Platforms["linux/arm/v7"].Hex == "" ||
		got.IndexDigest.Hash == digest {
		t.Errorf("got %+v", got)
	}
	if _, err := resolve(t, host+"/web:1", &Registry{Lock: l}); err != nil {
		t.Errorf("unchanged lock: %v", err)
	}
	got.Platforms["linux/amd64"] = got.Platforms["linux/arm/v7"]
	_, err = resolve(t, host+"/web:1", &Registry{Lock: l})
	checkError(t, err, ErrDigest, "the lock has no platform with sha256:")
}

// TestOfflineUsesLockAndCache resolves and unpacks an image and looks for a signature.
func TestOfflineUsesLockAndCache(t *testing.T) {
	t.Parallel()
	var requests atomic.Int64
	host := image.Serve(t, countRequests(&requests))
	image.PushIndex(t, mutate.AppendManifests(empty.Index, amd64(imageWith(t, "1"))), host+"/web:1")
	signature := image.Push(t, imageWith(t, "signature"), host+"/web:sha256-1.sig")
	cache := openCache(t, t.TempDir())
	online := &Registry{Cache: cache}
	l := lockFor(t, host+"/web:1", online)
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
	_, err := look(offline, "sha256-1.sig")
	checkError(t, err, ErrOffline, " is not in the cache")
	for tag, want := range map[string]error{"sha256-1.sig": nil, "sha256-2.sig": ErrNotFound} {
		if _, err := look(online, tag); !errors.Is(err, want) {
			t.Fatal(err)
		}
		before := requests.Load()
		if got, err := look(offline, tag); !errors.Is(err, want) || err == nil && got != signature || requests.Load() != before {
			t.Errorf("%s: %s, %v after %d requests", tag, got, err, requests.Load()-before)
		}
	}
	if _, err := look(offline, "sha256-3.sig"); !errors.Is(err, ErrOffline) {
		t.Errorf("not in the cache: %v", err)
	}
	_, err = look(&Registry{Cache: cache, Offline: true}, "sha256-1.sig")
	checkError(t, err, ErrOffline, "the lock has no digest for this tag")
	for _, sub := range []string{"answers", "blobs/sha256"} {
		damageAll(t, filepath.Join(cache.dir, sub))
		if _, err := look(offline, "sha256-1.sig"); !errors.Is(err, ErrOffline) {
			t.Errorf("%s damaged: %v", sub, err)
		}
	}
	if _, err := look(online, "sha256-1.sig"); err != nil {
		t.Errorf("damaged cache, online: %v", err)
	}
	if _, err := look(offline, "sha256-1.sig"); err != nil {
		t.Errorf("repaired cache: %v", err)
	}
}

// damageAll overwrites every file.
func damageAll(t *testing.T, dir string) {
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

func FuzzParseResponse(f *testing.F) {
	f.Add([]byte(`{"question":"x manifests/1","status":200,"type":"t","digest":"sha256:` + strings.Repeat("0", 64) + `"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if r, ok := parseResponse(text); ok && (len(r.Digest.Hex) != 64 || strings.Contains(r.Digest.Hex, "/")) {
			t.Errorf("digest %q", r.Digest.Hex)
		}
	})
}
