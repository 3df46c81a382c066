package component

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/org/linuxkit-action/fixtures/image"
	"github.com/org/linuxkit-action/internal/component/tree"
	"github.com/org/linuxkit-action/internal/manifest"
	"github.com/org/linuxkit-action/internal/progress"
)

var silent = progress.Silent()

// resolve loads a manifest with one service and resolves it.
func resolve(t *testing.T, reference string, registry *Registry) (*Set, error) {
	t.Helper()
	return Resolve(t.Context(), loadManifest(t, reference), "amd64", registry, silent)
}

func loadManifest(t *testing.T, reference string) *manifest.Manifest {
	t.Helper()
	text := "services: [{name: web, image: '" + reference + "'}]"
	m, err := manifest.Load(t.Context(), []string{"-"}, manifest.Options{Stdin: strings.NewReader(text)})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// unpack pushes an image and unpacks it.
func unpack(t *testing.T, made v1.Image, wrap func(http.Handler) http.Handler) (*Image, error) {
	t.Helper()
	host := image.Serve(t, wrap)
	image.Push(t, made, host+"/web:1")
	set, err := resolve(t, host+"/web:1", &Registry{})
	if err != nil {
		t.Fatal(err)
	}
	unpacked, err := set.Components[0].Unpack(t.Context(), openCache(t, t.TempDir()), silent)
	if err == nil {
		t.Cleanup(func() { unpacked.Close() })
	}
	return unpacked, err
}

func openCache(t *testing.T, dir string) *Cache {
	t.Helper()
	cache, err := OpenCache(dir)
	if err != nil {
		t.Fatal(err)
	}
	return cache
}

// checkError checks the kind of an error, and that it contains text.
func checkError(t *testing.T, err, kind error, text string) {
	t.Helper()
	if !errors.Is(err, kind) || err != nil && !strings.Contains(err.Error(), text) {
		t.Errorf("got %v, want %v with %q", err, kind, text)
	}
}

// show lists a tree as "name=content" for files and "name/" for folders.
func show(t *tree.Tree) string {
	var out []string
	_ = t.Walk(func(name string, i *tree.Inode) error {
		switch i.Type {
		case tar.TypeReg:
			b, _ := io.ReadAll(i.Open())
			out = append(out, name+"="+string(b))
		case tar.TypeSymlink:
			out = append(out, name+"->"+i.Target)
		case tar.TypeDir:
			out = append(out, name+"/")
		}
		return nil
	})
	return strings.Join(out, " ")
}

// fileNames lists a directory.
func fileNames(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// unfinished lists the unfinished downloads of a cache.
func unfinished(t *testing.T, cacheDir string) []string {
	t.Helper()
	return fileNames(t, filepath.Join(cacheDir, "ingest"))
}

// imageWith returns an image with one file.
func imageWith(t *testing.T, content string) v1.Image {
	t.Helper()
	return image.Make(t, v1.Config{}, image.Layer(t, image.File("a", content)))
}

// amd64 returns an index entry for linux/amd64.
func amd64(made v1.Image) mutate.IndexAddendum {
	return indexEntry(made, v1.Platform{OS: "linux", Architecture: "amd64"})
}

func indexEntry(made v1.Image, platform v1.Platform) mutate.IndexAddendum {
	return mutate.IndexAddendum{Add: made, Descriptor: v1.Descriptor{Platform: &platform}}
}

// incompressible returns n random bytes.
func incompressible(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rand.Uint32())
	}
	return string(b)
}

// request is a request that a registry received.
type request struct {
	at     time.Time
	path   string
	ranges string // the Range header
}

// respondFunc serves the n-th intercepted request, counted from 1.
type respondFunc func(i *interceptor, n int, w http.ResponseWriter, r *http.Request)

// interceptor is a registry that records some GET requests and serves them differently.
type interceptor struct {
	registry http.Handler
	match    string // part of the intercepted paths
	respond  respondFunc

	mu       sync.Mutex
	requests []request
}

// ServeHTTP implements http.Handler.
func (i *interceptor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet || !strings.Contains(r.URL.Path, i.match) {
		i.registry.ServeHTTP(w, r)
		return
	}
	i.mu.Lock()
	i.requests = append(i.requests, request{at: time.Now(), path: r.URL.Path, ranges: r.Header.Get("Range")})
	n := len(i.requests)
	i.mu.Unlock()
	i.respond(i, n, w, r)
}

// serve starts the registry and returns its host.
func (i *interceptor) serve(t *testing.T) string {
	return image.Serve(t, func(registry http.Handler) http.Handler { i.registry = registry; return i })
}

// record returns the whole response of the registry.
func (i *interceptor) record(r *http.Request) *httptest.ResponseRecorder {
	recorded := httptest.NewRecorder()
	whole := r.Clone(r.Context())
	whole.Header.Del("Range")
	i.registry.ServeHTTP(recorded, whole)
	return recorded
}

// send writes a recorded response. Where limit is less than its size, the connection breaks
// after that many bytes.
func send(w http.ResponseWriter, recorded *httptest.ResponseRecorder, limit int) {
	body := recorded.Body.Bytes()
	maps.Copy(w.Header(), recorded.Header())
	w.Header().Set("Content-Length", fmt.Sprint(len(body)))
	w.WriteHeader(recorded.Code)
	_, _ = w.Write(body[:min(limit, len(body))])
	if limit < len(body) {
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
}

// sendAll writes a recorded response.
func sendAll(w http.ResponseWriter, recorded *httptest.ResponseRecorder) {
	send(w, recorded, recorded.Body.Len())
}

// modified changes each response.
func modified(change func(*httptest.ResponseRecorder)) respondFunc {
	return func(i *interceptor, _ int, w http.ResponseWriter, r *http.Request) {
		recorded := i.record(r)
		change(recorded)
		sendAll(w, recorded)
	}
}

// withStatus serves the first n requests with an error status.
func withStatus(status, n int, retryAfter string) respondFunc {
	return func(i *interceptor, request int, w http.ResponseWriter, r *http.Request) {
		if request > n {
			i.registry.ServeHTTP(w, r)
			return
		}
		if retryAfter != "" {
			w.Header().Set("Retry-After", retryAfter)
		}
		w.WriteHeader(status)
	}
}

// brokenConnection breaks the connection in the middle of the first n responses.
func brokenConnection(n int) respondFunc {
	return func(i *interceptor, request int, w http.ResponseWriter, r *http.Request) {
		recorded := i.record(r)
		if request > n {
			sendAll(w, recorded)
		} else {
			send(w, recorded, recorded.Body.Len()/2)
		}
	}
}

// noResponse closes the connection of the first request.
func noResponse(i *interceptor, n int, w http.ResponseWriter, r *http.Request) {
	if n == 1 {
		panic(http.ErrAbortHandler)
	}
	i.registry.ServeHTTP(w, r)
}

// withBody serves a fixed body.
func withBody(text string) respondFunc {
	return func(_ *interceptor, _ int, w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(text)) }
}

// endless serves a body without end.
func endless(_ *interceptor, _ int, w http.ResponseWriter, _ *http.Request) {
	for block := make([]byte, 1<<20); ; {
		if _, err := w.Write(block); err != nil {
			return
		}
	}
}

// pull pushes an image with one layer of about size bytes, and fetches it through the
// interceptor. LAYER in its match stands for the digest of the layer.
func pull(t *testing.T, i *interceptor, size int) (*Image, error) {
	t.Helper()
	return pullThrough(t, i, size, func(h http.Handler) http.Handler { return h })
}

// pullThrough is pull with a handler between the interceptor and the registry.
func pullThrough(t *testing.T, i *interceptor, size int, wrap func(http.Handler) http.Handler) (*Image, error) {
	t.Helper()
	made := imageWith(t, incompressible(size))
	layers, err := made.Layers()
	if err != nil {
		t.Fatal(err)
	}
	digest, err := layers[0].Digest()
	if err != nil {
		t.Fatal(err)
	}
	match := strings.Replace(i.match, "LAYER", digest.String(), 1)
	i.match = "no request while the image is pushed"
	host := image.Serve(t, func(registry http.Handler) http.Handler { i.registry = wrap(registry); return i })
	image.Push(t, made, host+"/web:1")
	i.match = match
	cache := openCache(t, t.TempDir())
	set, err := resolve(t, host+"/web:1", &Registry{Cache: cache})
	if err != nil {
		return nil, err
	}
	unpacked, err := set.Components[0].Unpack(t.Context(), cache, silent)
	if err == nil {
		t.Cleanup(func() { unpacked.Close() })
	}
	return unpacked, err
}
