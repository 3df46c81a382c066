package component

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/org/linuxkit-action/fixtures/image"
	"github.com/org/linuxkit-action/internal/progress"
)

// asked is a question that a registry got.
type asked struct {
	at   time.Time
	path string
	from string // the Range header
}

// lied is a registry that answers some questions as a test likes, and notes them.
type lied struct {
	honest http.Handler
	about  string // part of the paths it lies about
	lie    func(l *lied, n int, w http.ResponseWriter, r *http.Request)

	mu    sync.Mutex
	asked []asked
}

// ServeHTTP implements http.Handler. The lie is told which question about its subject
// this is, counted from 1.
func (l *lied) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet || !strings.Contains(r.URL.Path, l.about) {
		l.honest.ServeHTTP(w, r)
		return
	}
	l.mu.Lock()
	l.asked = append(l.asked, asked{time.Now(), r.URL.Path, r.Header.Get("Range")})
	n := len(l.asked)
	l.mu.Unlock()
	l.lie(l, n, w, r)
}

// truth returns what the honest registry answers.
func (l *lied) truth(r *http.Request) *recorder {
	kept := &recorder{header: http.Header{}, code: http.StatusOK}
	whole := r.Clone(r.Context())
	whole.Header.Del("Range")
	l.honest.ServeHTTP(kept, whole)
	return kept
}

// send writes an answer that announces its whole length, but ends, with the connection,
// after some bytes of it.
func (kept *recorder) send(w http.ResponseWriter, most int) {
	maps.Copy(w.Header(), kept.header)
	w.Header().Set("Content-Length", fmt.Sprint(kept.Len()))
	w.WriteHeader(kept.code)
	body := kept.Bytes()
	w.Write(body[:min(most, len(body))])
	if most < len(body) {
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
}

// noise is content that does not compress.
func noise(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rand.Uint32())
	}
	return string(b)
}

// pull has one image fetched from a registry that lies.
func pull(t *testing.T, l *lied, size int) (*Image, error) {
	t.Helper()
	return pullThrough(t, l, size, func(h http.Handler) http.Handler { return h })
}

// pullThrough has behind stand between the lies and the registry. A subject that ends in
// LAYER is the layer of the image.
func pullThrough(t *testing.T, l *lied, size int, behind func(http.Handler) http.Handler) (*Image, error) {
	t.Helper()
	made := image.Make(t, v1.Config{}, image.Layer(t, image.File("a", noise(size))))
	layers, err := made.Layers()
	if err != nil {
		t.Fatal(err)
	}
	digest, err := layers[0].Digest()
	if err != nil {
		t.Fatal(err)
	}
	subject := strings.Replace(l.about, "LAYER", digest.String(), 1)
	l.about = "nothing yet"
	host := image.Serve(t, func(honest http.Handler) http.Handler { l.honest = behind(honest); return l })
	image.Push(t, made, host+"/web:1")
	l.about = subject
	cache := open(t, t.TempDir())
	set, err := resolve(t, host+"/web:1", &Registry{Cache: cache})
	if err != nil {
		return nil, err
	}
	got, err := set.Components[0].Unpack(t.Context(), cache, silent)
	if err == nil {
		t.Cleanup(func() { got.Close() })
	}
	return got, err
}

func open(t *testing.T, dir string) *Cache {
	t.Helper()
	cache, err := OpenCache(dir)
	if err != nil {
		t.Fatal(err)
	}
	return cache
}

var silent = progress.Silent()

func unwell(status, times int, retryAfter string) func(*lied, int, http.ResponseWriter, *http.Request) {
	return func(l *lied, n int, w http.ResponseWriter, r *http.Request) {
		if n > times {
			l.honest.ServeHTTP(w, r)
			return
		}
		if retryAfter != "" {
			w.Header().Set("Retry-After", retryAfter)
		}
		w.WriteHeader(status)
	}
}

func broken(times int) func(*lied, int, http.ResponseWriter, *http.Request) {
	return func(l *lied, n int, w http.ResponseWriter, r *http.Request) {
		kept := l.truth(r)
		if n > times {
			kept.send(w, kept.Len())
		} else {
			kept.send(w, kept.Len()/2)
		}
	}
}

func TestFaultsThatPassAreSatOut(t *testing.T) {
	t.Parallel()
	for _, about := range []string{"/manifests/", "/blobs/LAYER"} {
		for name, tt := range map[string]struct {
			lie   func(*lied, int, http.ResponseWriter, *http.Request)
			asked int
			pause time.Duration // at least, between the first questions
		}{
			"unavailable twice":      {unwell(http.StatusServiceUnavailable, 2, ""), 3, firstPause / 2},
			"a bad gateway":          {unwell(http.StatusBadGateway, 1, ""), 2, firstPause / 2},
			"request timed out":      {unwell(http.StatusRequestTimeout, 1, ""), 2, firstPause / 2},
			"too many requests":      {unwell(http.StatusTooManyRequests, 1, "1"), 2, time.Second},
			"connection broken":      {broken(2), 3, firstPause / 2},
			"hung up without a word": {hangUp, 2, 0},
		} {
			t.Run(about+" "+name, func(t *testing.T) {
				t.Parallel()
				l := &lied{about: about, lie: tt.lie}
				if _, err := pull(t, l, 5000); err != nil {
					t.Fatal(err)
				}
				if len(l.asked) != tt.asked {
					t.Fatalf("asked %d times, want %d", len(l.asked), tt.asked)
				}
				if pause := l.asked[1].at.Sub(l.asked[0].at); pause < tt.pause {
					t.Errorf("asked again after %s; it must wait %s", pause, tt.pause)
				}
			})
		}
	}
}

func hangUp(l *lied, n int, w http.ResponseWriter, r *http.Request) {
	if n == 1 {
		panic(http.ErrAbortHandler)
	}
	l.honest.ServeHTTP(w, r)
}

func TestFaultsThatStay(t *testing.T) {
	t.Parallel()
	around := func(_ *lied, n int, w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, fmt.Sprintf("%s?again=%d", r.URL.Path, n), http.StatusTemporaryRedirect)
	}
	for name, tt := range map[string]struct {
		about string
		lie   func(*lied, int, http.ResponseWriter, *http.Request)
		want  error
		text  string
		asked int // at most
	}{
		"manifests in circles":    {"/manifests/", around, ErrMalformed, "more than 8 redirects", 9},
		"layers in circles":       {"/blobs/LAYER", around, ErrMalformed, "more than 8 redirects", 9},
		"configs in circles":      {"/blobs/", around, ErrMalformed, "more than 8 redirects", 9},
		"busy for an hour":        {"/manifests/", unwell(http.StatusTooManyRequests, 99, "3600"), ErrUnavailable, "asks to be left alone for 1h0m0s", 1},
		"unwell for good":         {"/manifests/", unwell(http.StatusInternalServerError, 99, ""), ErrUnavailable, "500", attempts},
		"a manifest that is none": {"/manifests/", says(`{"schemaVersion":2,"layers":"x"}`), ErrMalformed, "manifest: ", 1},
		"neither JSON":            {"/manifests/", says(`<html>`), ErrMalformed, "not JSON", 1},
		"an old manifest":         {"/manifests/", says(`{"schemaVersion":1}`), ErrMalformed, "version 1, not 2", 1},
		"an image and an index":   {"/manifests/", says(`{"schemaVersion":2,"layers":[],"manifests":[]}`), ErrMalformed, "as an image and as an index", 1},
		"an index that is called so": {"/manifests/", says(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","layers":[]}`), ErrMalformed,
			"as an image and as an index", 1},
		"another config":        {"/blobs/", says(`{}`), ErrDigest, "the registry sends sha256:", 1},
		"a config without end":  {"/blobs/", endless, ErrMalformed, "more than 16 MiB", 1},
		"a ping without end":    {"/v2/", endless, ErrMalformed, "", 9},
		"what is asked is gone": {"/blobs/", unwell(http.StatusGone, 99, ""), ErrMalformed, "410", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := &lied{about: tt.about, lie: tt.lie}
			_, err := pull(t, l, 5000)
			if !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.text) || len(l.asked) > tt.asked {
				t.Errorf("asked %d times, got %v", len(l.asked), err)
			}
		})
	}
}

func says(text string) func(*lied, int, http.ResponseWriter, *http.Request) {
	return func(_ *lied, _ int, w http.ResponseWriter, _ *http.Request) { w.Write([]byte(text)) }
}

func endless(_ *lied, _ int, w http.ResponseWriter, _ *http.Request) {
	for block := make([]byte, 1<<20); ; {
		if _, err := w.Write(block); err != nil {
			return
		}
	}
}

// TestAnotherManifestOnTheSecondGet: what the index names is what must come.
func TestAnotherManifestOnTheSecondGet(t *testing.T) {
	t.Parallel()
	made := image.Make(t, v1.Config{}, image.Layer(t, image.File("a", "1")))
	evil := image.Make(t, v1.Config{}, image.Layer(t, image.File("a", "2")))
	manifest, err := evil.RawManifest()
	if err != nil {
		t.Fatal(err)
	}
	l := &lied{about: "/manifests/sha256:", lie: says(string(manifest))}
	host := image.Serve(t, func(honest http.Handler) http.Handler { l.honest = honest; return l })
	image.PushIndex(t, mutate.AppendManifests(empty.Index, forAMD64(made)), host+"/web:1")
	image.Push(t, evil, host+"/web:evil")
	for _, cache := range []*Cache{nil, open(t, t.TempDir())} {
		if _, err := resolve(t, host+"/web:1", &Registry{Cache: cache}); !errors.Is(err, ErrDigest) || !strings.Contains(err.Error(), "the registry sends sha256:") {
			t.Errorf("got %v", err)
		}
	}
}

func forAMD64(made v1.Image) mutate.IndexAddendum {
	return mutate.IndexAddendum{Add: made, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "amd64"}}}
}

// TestWhatTheRegistryCallsItDoesNotCount: the Content-Type is not under the digest.
func TestWhatTheRegistryCallsItDoesNotCount(t *testing.T) {
	t.Parallel()
	l := &lied{about: "/manifests/", lie: func(l *lied, _ int, w http.ResponseWriter, r *http.Request) {
		kept := l.truth(r)
		kept.header.Set("Content-Type", "application/vnd.oci.image.index.v1+json")
		kept.send(w, kept.Len())
	}}
	if got, err := pull(t, l, 10); err != nil || got.mediaType.IsIndex() {
		t.Errorf("got %v", err)
	}
}

// yes is a server that answers everything.
type yes struct{}

// RoundTrip implements http.RoundTripper.
func (yes) RoundTrip(request *http.Request) (*http.Response, error) {
	return reply(request, answer{Status: http.StatusOK}, nil), nil
}

func TestRedirectsDoNotLeadInside(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		from, to string
		fine     bool
	}{
		{"https://ghcr.io/v2/x", "https://cdn.example/x", true},
		{"https://ghcr.io/v2/x", "http://169.254.169.254/latest/meta-data", false},
		{"https://ghcr.io/v2/x", "http://[::ffff:10.0.0.1]/", false},
		{"https://ghcr.io/v2/x", "http://[fe80::1]/", false},
		{"https://ghcr.io/v2/x", "http://localhost:2375/", false},
		{"https://8.8.8.8/v2/x", "http://127.0.0.1/", false},
		{"http://10.0.0.4:5000/v2/x", "http://10.0.0.5:9000/x", true},
		{"http://localhost:5000/v2/x", "http://127.0.0.1:9000/x", true},
	} {
		first, err := http.NewRequest(http.MethodGet, tt.from, nil)
		if err != nil {
			t.Fatal(err)
		}
		next, err := http.NewRequest(http.MethodGet, tt.to, nil)
		if err != nil {
			t.Fatal(err)
		}
		next.Response = &http.Response{Request: first}
		if _, err := (led{yes{}}).RoundTrip(next); (err == nil) != tt.fine || err != nil && !errors.Is(err, ErrMalformed) {
			t.Errorf("%s to %s: %v", tt.from, tt.to, err)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"7": 7 * time.Second, "": 0, "soon": 0, "-5": 0, "99999999999999999999": 0, "1.5": 0,
		"Wed, 02 Jan 2030 03:04:35 GMT": 30 * time.Second,
	} {
		if got := retryAfter(value, now); got != want {
			t.Errorf("%q: %s, want %s", value, got, want)
		}
	}
	for attempt := range 40 {
		if got := backoff(attempt + 1); got < firstPause/2 || got > 2*longestPause {
			t.Errorf("attempt %d: %s", attempt+1, got)
		}
	}
}
