package component

import (
	"bytes"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/org/linuxkit-action/fixtures/image"
)

// halfFetched is an image of one layer, and a cache in which a run that was killed has
// left some of it.
type halfFetched struct {
	*lied
	t         *testing.T
	reference string
	dir       string
	layer     []byte
	digest    v1.Hash
	served    atomic.Int64 // bytes of the layer
}

func newHalfFetched(t *testing.T, size int) *halfFetched {
	h := &halfFetched{lied: &lied{about: "nothing yet"}, t: t, dir: t.TempDir()}
	h.layer = image.Tar(t, image.File("a", noise(size)))
	h.digest = digestOf(h.layer)
	h.lie = func(l *lied, _ int, w http.ResponseWriter, r *http.Request) { h.serve(w, r) }
	host := image.Serve(t, func(honest http.Handler) http.Handler { h.honest = honest; return h.lied })
	made := image.Make(t, v1.Config{}, static.NewLayer(h.layer, types.OCIUncompressedLayer))
	h.reference = host + "/web:1"
	image.Push(t, made, h.reference)
	h.about = "/blobs/" + h.digest.String()
	open(t, h.dir)
	return h
}

// serve answers honestly, and counts.
func (h *halfFetched) serve(w http.ResponseWriter, r *http.Request) {
	kept := &recorder{header: http.Header{}, code: http.StatusOK}
	h.honest.ServeHTTP(kept, r)
	h.served.Add(int64(kept.Len()))
	kept.send(w, kept.Len())
}

func (h *halfFetched) partial() string {
	return filepath.Join(h.dir, "ingest", h.digest.Hex+".partial")
}

// leave is what the killed run has done.
func (h *halfFetched) leave(content []byte) {
	h.t.Helper()
	if err := os.WriteFile(h.partial(), content, 0o600); err != nil {
		h.t.Fatal(err)
	}
}

// run is another run on the same cache. It counts what it says of its progress.
func (h *halfFetched) run() (said int64, err error) {
	h.t.Helper()
	cache := open(h.t, h.dir)
	set, err := resolve(h.t, h.reference, &Registry{Cache: cache})
	if err != nil {
		h.t.Fatal(err)
	}
	task := &tally{}
	file, err := set.Components[0].fetch(h.t.Context(), cache, set.Components[0].Manifest.Layers[0], task)
	if err != nil {
		return task.Load(), err
	}
	defer file.Close()
	if got, err := io.ReadAll(file); err != nil || !bytes.Equal(got, h.layer) {
		h.t.Errorf("%d bytes, not the layer, %v", len(got), err)
	}
	checkBlobs(h.t, filepath.Join(h.dir, "blobs/sha256"))
	return task.Load(), nil
}

// tally is a task that only counts.
type tally struct{ atomic.Int64 }

func (t *tally) Add(n int64) { t.Int64.Add(n) }
func (t *tally) Done(bool)   {}

// TestAnotherRunGoesOn: it asks for what is missing only. Whatever else lies there, the
// layer is fetched all the same.
func TestAnotherRunGoesOn(t *testing.T) {
	t.Parallel()
	const size = 300_000
	spoilt := func(b []byte) []byte { b = bytes.Clone(b); b[1000] ^= 1; return b }
	for name, tt := range map[string]struct {
		left  func(layer []byte) []byte
		asked []string // ranges
	}{
		"nothing":              {func([]byte) []byte { return nil }, []string{""}},
		"half":                 {func(b []byte) []byte { return b[:150_000] }, []string{"bytes=150000-LAST"}},
		"all but a byte":       {func(b []byte) []byte { return b[:len(b)-1] }, []string{"bytes=LAST-LAST"}},
		"all":                  {func(b []byte) []byte { return b }, nil},
		"half, damaged":        {func(b []byte) []byte { return spoilt(b[:150_000]) }, []string{"bytes=150000-LAST", ""}},
		"all, damaged":         {spoilt, []string{""}},
		"half, then zeros":     {func(b []byte) []byte { return append(bytes.Clone(b[:100_000]), make([]byte, 50_000)...) }, []string{"bytes=150000-LAST", ""}},
		"longer than the blob": {func(b []byte) []byte { return append(bytes.Clone(b), "more"...) }, []string{""}},
		"far longer":           {func(b []byte) []byte { return bytes.Repeat(b, 3) }, []string{""}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHalfFetched(t, size)
			h.leave(tt.left(h.layer))
			said, err := h.run()
			if err != nil {
				t.Fatal(err)
			}
			h.wasAsked(tt.asked...)
			if said != int64(len(h.layer)) {
				t.Errorf("progress of %d bytes of %d", said, len(h.layer))
			}
			if left := ingested(t, h.dir); len(left) != 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

// wasAsked compares the ranges of the questions about the layer.
func (h *halfFetched) wasAsked(want ...string) {
	h.t.Helper()
	last := strings.NewReplacer("LAST", strconv.Itoa(len(h.layer)-1))
	var got []string
	for _, a := range h.asked {
		got = append(got, a.from)
	}
	for i := range want {
		want[i] = last.Replace(want[i])
	}
	if strings.Join(got, ", ") != strings.Join(want, ", ") || len(got) != len(want) {
		h.t.Errorf("asked for %q, want %q", got, want)
	}
}

// TestAnotherRunAsksAnotherRegistry: one that cannot go on where it should begins anew,
// once, and its lies are still lies.
func TestAnotherRunAsksAnotherRegistry(t *testing.T) {
	t.Parallel()
	lies := func(change func(kept *recorder)) func(*lied, int, http.ResponseWriter, *http.Request) {
		return func(l *lied, _ int, w http.ResponseWriter, r *http.Request) {
			kept := l.truth(r)
			change(kept)
			kept.send(w, kept.Len())
		}
	}
	ranged := func(change func(kept *recorder)) func(*lied, int, http.ResponseWriter, *http.Request) {
		return func(l *lied, n int, w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Range") == "" {
				l.honest.ServeHTTP(w, r)
				return
			}
			lies(change)(l, n, w, r)
		}
	}
	for name, tt := range map[string]struct {
		lie   func(*lied, int, http.ResponseWriter, *http.Request)
		asked []string
		want  error
	}{
		"it ignores the range":          {lies(func(*recorder) {}), []string{"bytes=150000-LAST"}, nil},
		"it knows no ranges":            {ranged(func(kept *recorder) { kept.code = http.StatusRequestedRangeNotSatisfiable }), []string{"bytes=150000-LAST", ""}, nil},
		"it sends another range":        {ranged(func(kept *recorder) { kept.code = http.StatusPartialContent }), []string{"bytes=150000-LAST", ""}, nil},
		"it ignores the range and lies": {lies(func(kept *recorder) { kept.Bytes()[200_000] ^= 1 }), []string{"bytes=150000-LAST"}, ErrDigest},
		"it knows no ranges and lies": {func(l *lied, n int, w http.ResponseWriter, r *http.Request) {
			lies(func(kept *recorder) {
				if kept.Bytes()[0] ^= 1; n == 1 {
					kept.code = http.StatusRequestedRangeNotSatisfiable
				}
			})(l, n, w, r)
		}, []string{"bytes=150000-LAST", ""}, ErrDigest},
		"it has no such layer": {lies(func(kept *recorder) { kept.code = http.StatusNotFound }), []string{"bytes=150000-LAST"}, ErrNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHalfFetched(t, 300_000)
			h.leave(h.layer[:150_000])
			h.lie = tt.lie
			if _, err := h.run(); !errors.Is(err, tt.want) {
				t.Errorf("got %v", err)
			}
			h.wasAsked(tt.asked...)
			if left := ingested(t, h.dir); len(left) != 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

// TestWhatIsNoFileIsNotGoneOnWith: nothing is written through a link, and a pipe does not
// make anybody wait.
func TestWhatIsNoFileIsNotGoneOnWith(t *testing.T) {
	t.Parallel()
	elsewhere := filepath.Join(t.TempDir(), "precious")
	if err := os.WriteFile(elsewhere, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, plant := range map[string]func(path string) error{
		"a link":            func(path string) error { return os.Symlink(elsewhere, path) },
		"a link to nothing": func(path string) error { return os.Symlink(elsewhere+"2", path) },
		"a folder":          func(path string) error { return os.Mkdir(path, 0o700) },
		"a pipe":            func(path string) error { return syscall.Mkfifo(path, 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHalfFetched(t, 5000)
			if err := plant(h.partial()); err != nil {
				t.Fatal(err)
			}
			if _, err := h.run(); err != nil {
				t.Error(err)
			}
			if text, err := os.ReadFile(elsewhere); string(text) != "precious" {
				t.Errorf("it is %q, %v", text, err)
			}
			if _, err := os.Lstat(elsewhere + "2"); err == nil {
				t.Error("a file was made elsewhere")
			}
			drop(h.partial())
			if left := ingested(t, h.dir); len(left) != 0 {
				t.Errorf("not swept: %v", left)
			}
		})
	}
}

// TestTwoAtOnce: the second does not wait for the first, nor does it disturb it.
func TestTwoAtOnce(t *testing.T) {
	t.Parallel()
	h := newHalfFetched(t, 300_000)
	h.leave(h.layer[:150_000])
	begun, finish := make(chan struct{}), make(chan struct{})
	h.lie = func(l *lied, n int, w http.ResponseWriter, r *http.Request) {
		if n == 1 {
			close(begun)
			<-finish
		}
		h.serve(w, r)
	}
	var first sync.WaitGroup
	first.Go(func() {
		if _, err := h.run(); err != nil {
			t.Errorf("the first: %v", err)
		}
	})
	<-begun
	if _, err := h.run(); err != nil {
		t.Errorf("the second: %v", err)
	}
	if left := ingested(t, h.dir); len(left) != 1 {
		t.Errorf("while the first runs: %v", left)
	}
	close(finish)
	first.Wait()
	h.wasAsked("bytes=150000-LAST", "")
	if left := ingested(t, h.dir); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestWhatIsGoneOnWithIsNotSwept, however old it is.
func TestWhatIsGoneOnWithIsNotSwept(t *testing.T) {
	t.Parallel()
	h := newHalfFetched(t, 5000)
	h.leave(h.layer[:1000])
	old := time.Now().Add(-2 * staleAfter)
	if err := os.Chtimes(h.partial(), old, old); err != nil {
		t.Fatal(err)
	}
	held, err := hold(h.partial(), 0)
	if err != nil {
		t.Fatal(err)
	}
	open(t, h.dir)
	if left := ingested(t, h.dir); len(left) != 1 {
		t.Error("swept from under the run that holds it")
	}
	held.Close()
	open(t, h.dir)
	if left := ingested(t, h.dir); len(left) != 0 {
		t.Errorf("nobody holds it: %v", left)
	}
}

// TestKilledInALargeLayer: the next run asks the registry only for the rest.
func TestKilledInALargeLayer(t *testing.T) {
	t.Parallel()
	honest := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	server := httptest.NewServer(honest)
	defer server.Close()
	// Half of it is more than lies in the buffers of a connection: so some is in the file.
	layer := image.Tar(t, image.File("a", noise(32<<20)))
	made := image.Make(t, v1.Config{}, static.NewLayer(layer, types.OCIUncompressedLayer))
	image.Push(t, made, strings.TrimPrefix(server.URL, "http://")+"/web:1")
	dir, subject := t.TempDir(), "/blobs/"+digestOf(layer).String()
	h := &halfFetched{lied: &lied{honest: honest, about: subject}, t: t, dir: dir, layer: layer, digest: digestOf(layer)}
	h.lie = func(_ *lied, _ int, w http.ResponseWriter, r *http.Request) { h.serve(w, r) }
	want := (&victim{honest: h}).run(t, t.TempDir())
	if all := h.served.Swap(0); want == "" || all != int64(len(layer)) {
		t.Fatalf("nobody was killed: got %q, %d bytes served of %d", want, all, len(layer))
	}
	if got := (&victim{honest: h, about: subject, fatal: 1}).run(t, dir); got != "" {
		t.Fatalf("it was not killed: %s", got)
	}
	left, err := os.Stat(h.partial())
	if err != nil || left.Size() == 0 || left.Size() >= int64(len(layer)) {
		t.Fatalf("left: %v, %v", left, err)
	}
	h.asked = nil
	h.served.Store(0)
	if got := (&victim{honest: h}).run(t, dir); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	h.wasAsked("bytes=" + strconv.Itoa(int(left.Size())) + "-LAST")
	if rest := int64(len(layer)) - left.Size(); h.served.Load() != rest {
		t.Errorf("%d bytes served; %d were missing", h.served.Load(), rest)
	}
	checkBlobs(t, filepath.Join(dir, "blobs/sha256"))
}
