package component

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/org/linuxkit-action/fixtures/image"
)

func TestFetchesLayersOnceAndAgainWhenDamaged(t *testing.T) {
	t.Parallel()
	requests := 0
	host := image.Serve(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/blobs/") {
				requests++
			}
			next.ServeHTTP(w, r)
		})
	})
	layer := image.Layer(t, image.File("a", "1"))
	image.Push(t, image.Make(t, v1.Config{}, layer), host+"/web:1")
	set, err := resolve(t, host+"/web:1", &Registry{})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cache := openCache(t, dir)
	digest, _ := layer.Digest()
	for i, damage := range []bool{false, false, true, false} {
		blob := filepath.Join(dir, "blobs/sha256", digest.Hex)
		if damage {
			os.WriteFile(blob, []byte("damaged"), 0o600)
		}
		before := requests
		got, err := set.Components[0].Unpack(t.Context(), cache, silent)
		if err != nil {
			t.Fatal(err)
		}
		got.Close()
		if want := i == 0 || damage; (requests > before) != want {
			t.Errorf("run %d: requested from the registry: %v, want %v", i, requests > before, want)
		}
	}
	if left := unfinished(t, dir); len(left) != 0 {
		t.Errorf("unfinished: %v", left)
	}
}

// TestCancelledDownloadCanBeResumed: the run leaves no blob, and the part that arrived.
func TestCancelledDownloadCanBeResumed(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	var stalls atomic.Bool
	// The registry sends one byte of the layer; then the run is cancelled.
	host := image.Serve(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet && stalls.Load() && strings.Contains(r.URL.Path, "/blobs/") {
				w.Write([]byte{0x1f})
				w.(http.Flusher).Flush()
				cancel()
				<-r.Context().Done()
				return
			}
			next.ServeHTTP(w, r)
		})
	})
	layer := image.Layer(t, image.File("a", "1"))
	image.Push(t, image.Make(t, v1.Config{}, layer), host+"/web:1")
	set, err := resolve(t, host+"/web:1", &Registry{})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cache := openCache(t, dir)
	stalls.Store(true)
	if _, err := set.Components[0].Unpack(ctx, cache, silent); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if left := fileNames(t, filepath.Join(dir, "blobs/sha256")); len(left) != 0 {
		t.Errorf("blobs: %v", left)
	}
	digest, _ := layer.Digest()
	for _, e := range unfinished(t, dir) {
		if body, err := os.ReadFile(filepath.Join(dir, "ingest", e)); e != digest.Hex+".partial" || string(body) != "\x1f" {
			t.Errorf("ingest holds %s: %q, %v", e, body, err)
		}
	}
	stalls.Store(false)
	got, err := set.Components[0].Unpack(t.Context(), cache, silent)
	if err != nil {
		t.Fatal(err)
	}
	got.Close()
	if left := unfinished(t, dir); len(left) != 0 {
		t.Errorf("unfinished: %v", left)
	}
}
