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

// partialDownload is an image of one layer, and a cache with part of the layer from an
// earlier run.
type partialDownload struct {
	*interceptor
	t         *testing.T
	reference string
	dir       string // of the cache
	layer     []byte
	digest    v1.Hash
	sent      atomic.Int64 // bytes of the layer
}

func newPartialDownload(t *testing.T, size int) *partialDownload {
	h := &partialDownload{interceptor: &interceptor{match: "no request while the image is pushed"}, t: t, dir: t.TempDir()}
	h.layer = image.Tar(t, image.File("a", incompressible(size)))
	h.digest = digestOf(h.layer)
	h.respond = func(_ *interceptor, _ int, w http.ResponseWriter, r *http.Request) { h.count(w, r) }
	host := h.interceptor.serve(t)
	made := image.Make(t, v1.Config{}, static.NewLayer(h.layer, types.OCIUncompressedLayer))
	h.reference = host + "/web:1"
	image.Push(t, made, h.reference)
	h.match = "/blobs/" + h.digest.String()
	openCache(t, h.dir)
	return h
}

// count sends the response of the registry and counts its bytes.
func (h *partialDownload) count(w http.ResponseWriter, r *http.Request) {
	recorded := httptest.NewRecorder()
	h.registry.ServeHTTP(recorded, r)
	h.sent.Add(int64(recorded.Body.Len()))
	sendAll(w, recorded)
}

// partialPath is the file of the unfinished download.
func (h *partialDownload) partialPath() string {
	return filepath.Join(h.dir, "ingest", h.digest.Hex+".partial")
}

// writePartial writes the part that the earlier run downloaded.
func (h *partialDownload) writePartial(content []byte) {
	h.t.Helper()
	if err := os.WriteFile(h.partialPath(), content, 0o600); err != nil {
		h.t.Fatal(err)
	}
}

// run fetches the layer with the same cache, and returns the bytes of its progress.
func (h *partialDownload) run() (progress int64, err error) {
	h.t.Helper()
	cache := openCache(h.t, h.dir)
	set, err := resolve(h.t, h.reference, &Registry{Cache: cache})
	if err != nil {
		h.t.Fatal(err)
	}
	task := &byteCounter{}
	file, err := set.Components[0].openLayer(h.t.Context(), cache, set.Components[0].Manifest.Layers[0], task)
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

// byteCounter is a progress.Task.
type byteCounter struct{ atomic.Int64 }

func (c *byteCounter) Add(n int64) { c.Int64.Add(n) }
func (c *byteCounter) Done(bool)   {}

// TestResumesDownloadOfEarlierRun requests only the missing range. Where the existing part
// is wrong, the layer is fetched again.
func TestResumesDownloadOfEarlierRun(t *testing.T) {
	t.Parallel()
	const size, half = 300_000, "bytes=150000-LAST"
	firstHalf := func(b []byte) []byte { return b[:150_000] }
	damaged := func(b []byte) []byte { b = bytes.Clone(b); b[1000] ^= 1; return b }
	for name, tt := range map[string]struct {
		left   func(layer []byte) []byte
		ranges []string // of the requests; "" for the whole layer
	}{
		"nothing":        {left: func([]byte) []byte { return nil }, ranges: []string{""}},
		"half":           {left: firstHalf, ranges: []string{half}},
		"all but a byte": {left: func(b []byte) []byte { return b[:len(b)-1] }, ranges: []string{"bytes=LAST-LAST"}},
		"all":            {left: bytes.Clone},
		"half, damaged":  {left: func(b []byte) []byte { return damaged(firstHalf(b)) }, ranges: []string{half, ""}},
		"all, damaged":   {left: damaged, ranges: []string{""}},
		"half with zeros": {
			left:   func(b []byte) []byte { return append(bytes.Clone(b[:100_000]), make([]byte, 50_000)...) },
			ranges: []string{half, ""},
		},
		"longer than the blob": {left: func(b []byte) []byte { return append(bytes.Clone(b), "more"...) }, ranges: []string{""}},
		"three times as long":  {left: func(b []byte) []byte { return bytes.Repeat(b, 3) }, ranges: []string{""}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newPartialDownload(t, size)
			h.writePartial(tt.left(h.layer))
			progress, err := h.run()
			if err != nil {
				t.Fatal(err)
			}
			h.checkRanges(tt.ranges...)
			if progress != int64(len(h.layer)) {
				t.Errorf("progress of %d bytes of %d", progress, len(h.layer))
			}
			if left := unfinished(t, h.dir); len(left) != 0 {
				t.Errorf("unfinished: %v", left)
			}
		})
	}
}

// checkRanges compares the ranges of the requests for the layer.
func (h *partialDownload) checkRanges(want ...string) {
	h.t.Helper()
	last := strings.NewReplacer("LAST", strconv.Itoa(len(h.layer)-1))
	var got []string
	for _, r := range h.requests {
		got = append(got, r.ranges)
	}
	for i := range want {
		want[i] = last.Replace(want[i])
	}
	if strings.Join(got, ", ") != strings.Join(want, ", ") || len(got) != len(want) {
		h.t.Errorf("ranges %q, want %q", got, want)
	}
}

// onRange changes the responses to requests with a range.
func onRange(change func(*httptest.ResponseRecorder)) respondFunc {
	return func(i *interceptor, n int, w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Range") == "" {
			i.registry.ServeHTTP(w, r)
			return
		}
		modified(change)(i, n, w, r)
	}
}

func setStatus(code int) func(*httptest.ResponseRecorder) {
	return func(recorded *httptest.ResponseRecorder) { recorded.Code = code }
}

func changeBit(offset int) func(*httptest.ResponseRecorder) {
	return func(recorded *httptest.ResponseRecorder) { recorded.Body.Bytes()[offset] ^= 1 }
}

// noRangeAndChanged rejects the range of the first request and changes the layer.
func noRangeAndChanged(i *interceptor, n int, w http.ResponseWriter, r *http.Request) {
	recorded := i.record(r)
	changeBit(0)(recorded)
	if n == 1 {
		recorded.Code = http.StatusRequestedRangeNotSatisfiable
	}
	sendAll(w, recorded)
}

// TestResumeWithOtherRegistry: where the registry cannot continue the download, it starts
// again, once, and the result is verified.
func TestResumeWithOtherRegistry(t *testing.T) {
	t.Parallel()
	const half = "bytes=150000-LAST"
	for name, tt := range map[string]struct {
		respond respondFunc
		ranges  []string
		want    error
	}{
		"range ignored":             {respond: modified(func(*httptest.ResponseRecorder) {}), ranges: []string{half}},
		"range rejected":            {respond: onRange(setStatus(http.StatusRequestedRangeNotSatisfiable)), ranges: []string{half, ""}},
		"no Content-Range":          {respond: onRange(setStatus(http.StatusPartialContent)), ranges: []string{half, ""}},
		"range ignored, changed":    {respond: modified(changeBit(200_000)), ranges: []string{half}, want: ErrDigest},
		"range rejected, changed":   {respond: noRangeAndChanged, ranges: []string{half, ""}, want: ErrDigest},
		"layer not in the registry": {respond: modified(setStatus(http.StatusNotFound)), ranges: []string{half}, want: ErrNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newPartialDownload(t, 300_000)
			h.writePartial(h.layer[:150_000])
			h.respond = tt.respond
			if _, err := h.run(); !errors.Is(err, tt.want) {
				t.Errorf("got %v", err)
			}
			h.checkRanges(tt.ranges...)
			if left := unfinished(t, h.dir); len(left) != 0 {
				t.Errorf("unfinished: %v", left)
			}
		})
	}
}

// TestIgnoresPartialThatIsNotRegular: the run writes nothing through a link, and a FIFO does
// not block it.
func TestIgnoresPartialThatIsNotRegular(t *testing.T) {
	t.Parallel()
	outside := filepath.Join(t.TempDir(), "unchanged")
	if err := os.WriteFile(outside, []byte("unchanged"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, plant := range map[string]func(path string) error{
		"symbolic link": func(path string) error { return os.Symlink(outside, path) },
		"dangling link": func(path string) error { return os.Symlink(outside+"2", path) },
		"directory":     func(path string) error { return os.Mkdir(path, 0o700) },
		"FIFO":          func(path string) error { return syscall.Mkfifo(path, 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newPartialDownload(t, 5000)
			if err := plant(h.partialPath()); err != nil {
				t.Fatal(err)
			}
			if _, err := h.run(); err != nil {
				t.Error(err)
			}
			if text, err := os.ReadFile(outside); string(text) != "unchanged" {
				t.Errorf("target of the link: %q, %v", text, err)
			}
			if _, err := os.Lstat(outside + "2"); err == nil {
				t.Error("a file was created through the link")
			}
			removeUnlocked(h.partialPath())
			if left := unfinished(t, h.dir); len(left) != 0 {
				t.Errorf("not removed: %v", left)
			}
		})
	}
}

// TestConcurrentDownloadsOfOneLayer: the second does not wait for the first.
func TestConcurrentDownloadsOfOneLayer(t *testing.T) {
	t.Parallel()
	h := newPartialDownload(t, 300_000)
	h.writePartial(h.layer[:150_000])
	started, finish := make(chan struct{}), make(chan struct{})
	h.respond = func(_ *interceptor, n int, w http.ResponseWriter, r *http.Request) {
		if n == 1 {
			close(started)
			<-finish
		}
		h.count(w, r)
	}
	var first sync.WaitGroup
	first.Go(func() {
		if _, err := h.run(); err != nil {
			t.Errorf("the first: %v", err)
		}
	})
	<-started
	if _, err := h.run(); err != nil {
		t.Errorf("the second: %v", err)
	}
	if left := unfinished(t, h.dir); len(left) != 1 {
		t.Errorf("while the first runs: %v", left)
	}
	close(finish)
	first.Wait()
	h.checkRanges("bytes=150000-LAST", "")
	if left := unfinished(t, h.dir); len(left) != 0 {
		t.Errorf("unfinished: %v", left)
	}
}

func TestKeepsOldDownloadThatIsLocked(t *testing.T) {
	t.Parallel()
	h := newPartialDownload(t, 5000)
	h.writePartial(h.layer[:1000])
	old := time.Now().Add(-2 * staleAfter)
	if err := os.Chtimes(h.partialPath(), old, old); err != nil {
		t.Fatal(err)
	}
	locked, err := openLocked(h.partialPath(), 0)
	if err != nil {
		t.Fatal(err)
	}
	openCache(t, h.dir)
	if left := unfinished(t, h.dir); len(left) != 1 {
		t.Error("a locked download was removed")
	}
	locked.Close()
	openCache(t, h.dir)
	if left := unfinished(t, h.dir); len(left) != 0 {
		t.Errorf("an unlocked old download stayed: %v", left)
	}
}

// TestResumesAfterKill: the next process requests only the missing range.
func TestResumesAfterKill(t *testing.T) {
	t.Parallel()
	handler := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	server := httptest.NewServer(handler)
	defer server.Close()
	// Half of the layer exceeds the buffers of a connection, so part of it reaches the file.
	layer := image.Tar(t, image.File("a", incompressible(32<<20)))
	made := image.Make(t, v1.Config{}, static.NewLayer(layer, types.OCIUncompressedLayer))
	image.Push(t, made, strings.TrimPrefix(server.URL, "http://")+"/web:1")
	dir, match := t.TempDir(), "/blobs/"+digestOf(layer).String()
	i := &interceptor{registry: handler, match: match}
	h := &partialDownload{interceptor: i, t: t, dir: dir, layer: layer, digest: digestOf(layer)}
	h.respond = func(_ *interceptor, _ int, w http.ResponseWriter, r *http.Request) { h.count(w, r) }
	want := (&childRun{registry: h}).run(t, t.TempDir())
	if all := h.sent.Swap(0); want == "" || all != int64(len(layer)) {
		t.Fatalf("without a kill: got %q, %d of %d bytes sent", want, all, len(layer))
	}
	if got := (&childRun{registry: h, match: match, killAt: 1}).run(t, dir); got != "" {
		t.Fatalf("the process was not killed: %s", got)
	}
	left, err := os.Stat(h.partialPath())
	if err != nil || left.Size() == 0 || left.Size() >= int64(len(layer)) {
		t.Fatalf("left: %v, %v", left, err)
	}
	h.requests = nil
	h.sent.Store(0)
	if got := (&childRun{registry: h}).run(t, dir); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	h.checkRanges("bytes=" + strconv.Itoa(int(left.Size())) + "-LAST")
	if rest := int64(len(layer)) - left.Size(); h.sent.Load() != rest {
		t.Errorf("%d bytes sent, %d were missing", h.sent.Load(), rest)
	}
	checkBlobs(t, filepath.Join(dir, "blobs/sha256"))
}
