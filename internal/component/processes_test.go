package component

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/org/linuxkit-action/fixtures/image"
	"github.com/org/linuxkit-action/internal/manifest"
)

// childVariable makes the test binary a separate run. Its value is the image to unpack and
// the directory of the cache.
const childVariable = "COMPONENT_TEST_CHILD"

func TestMain(m *testing.M) {
	if reference, dir, ok := strings.Cut(os.Getenv(childVariable), " "); ok {
		os.Exit(child(reference, dir))
	}
	os.Exit(m.Run())
}

// child unpacks an image and prints the digest of its content.
func child(reference, dir string) int {
	if err := unpackAndPrint(context.Background(), reference, dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func unpackAndPrint(ctx context.Context, reference, dir string) error {
	text := "services: [{name: web, image: '" + reference + "'}]"
	m, err := manifest.Load(ctx, []string{"-"}, manifest.Options{Stdin: strings.NewReader(text)})
	if err != nil {
		return err
	}
	cache, err := OpenCache(dir)
	if err != nil {
		return err
	}
	set, err := Resolve(ctx, m, "amd64", &Registry{Cache: cache}, silent)
	if err != nil {
		return err
	}
	unpacked, err := set.Components[0].Unpack(ctx, cache, silent)
	if err != nil {
		return err
	}
	defer unpacked.Close()
	fmt.Println(digestOf([]byte(show(unpacked.Tree))))
	return nil
}

// childRun is a run in a process of its own, and the registry that it uses. The process is
// killed (SIGKILL) in the middle of the response to the matching request number killAt.
type childRun struct {
	registry http.Handler
	match    string // part of the paths that count
	killAt   int64  // 0 for never
	requests atomic.Int64
	process  chan *os.Process
	killed   chan struct{}
}

// ServeHTTP implements http.Handler.
func (c *childRun) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !strings.Contains(r.URL.Path, c.match) || c.requests.Add(1) != c.killAt {
		c.registry.ServeHTTP(w, r)
		return
	}
	recorded := httptest.NewRecorder()
	c.registry.ServeHTTP(recorded, r)
	w.Header().Set("Content-Length", fmt.Sprint(recorded.Body.Len()))
	w.WriteHeader(recorded.Code)
	_, _ = w.Write(recorded.Body.Bytes()[:recorded.Body.Len()/2])
	w.(http.Flusher).Flush()
	_ = (<-c.process).Kill()
	<-c.killed // the context of the request does not end where the body was empty
}

// run starts the process and returns its output, which is empty where it was killed.
func (c *childRun) run(t *testing.T, dir string) string {
	c.process, c.killed = make(chan *os.Process, 1), make(chan struct{})
	server := httptest.NewServer(c)
	defer server.Close()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"="+strings.TrimPrefix(server.URL, "http://")+"/web:1 "+dir)
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	if err := cmd.Start(); err != nil {
		t.Error(err)
		return ""
	}
	c.process <- cmd.Process
	err := cmd.Wait()
	close(c.killed)
	if err != nil && cmd.ProcessState.ExitCode() != -1 {
		t.Errorf("%v: %s", err, stderr.String())
	}
	return strings.TrimSpace(out.String())
}

// TestConcurrentProcessesShareCache kills some of ten processes, and damages blobs between
// rounds. The others have the right result, every blob is valid, and leftovers are removed.
func TestConcurrentProcessesShareCache(t *testing.T) {
	t.Parallel()
	handler := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	server := httptest.NewServer(handler)
	defer server.Close()
	var layers []v1.Layer
	for i := range 6 {
		layers = append(layers, image.Layer(t, image.File(fmt.Sprint("file", i), incompressible(300_000))))
	}
	image.Push(t, image.Make(t, v1.Config{}, layers...), strings.TrimPrefix(server.URL, "http://")+"/web:1")
	dir := t.TempDir()
	want := (&childRun{registry: handler}).run(t, t.TempDir())
	killed := 0
	for round := range 3 {
		if round > 0 {
			truncateSome(t, filepath.Join(dir, "blobs/sha256"))
		}
		results := make([]string, 10)
		var runs sync.WaitGroup
		for i := range results {
			child := &childRun{registry: handler}
			if i%2 == 0 {
				child.killAt = 1 + rand.Int64N(10) // a run with an empty cache makes about ten requests
			}
			runs.Go(func() { results[i] = child.run(t, dir) })
		}
		runs.Wait()
		for i, got := range results {
			if got == "" && i%2 == 0 {
				killed++
			} else if got != want {
				t.Errorf("round %d, run %d: got %s, want %s", round, i, got, want)
			}
		}
		checkBlobs(t, filepath.Join(dir, "blobs/sha256"))
	}
	if killed == 0 {
		t.Error("no process was killed")
	}
	checkRemovesStale(t, dir)
}

// truncateSome truncates every other file to half its size.
func truncateSome(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range entries {
		if info, err := e.Info(); err != nil {
			t.Error(err)
		} else if i%2 == 0 {
			if err := os.Truncate(filepath.Join(dir, e.Name()), info.Size()/2); err != nil {
				t.Error(err)
			}
		}
	}
}

// checkBlobs checks that every blob matches its digest.
func checkBlobs(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) == 0 {
		t.Errorf("%d blobs, %v", len(entries), err)
	}
	for _, e := range entries {
		body, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil || digestOf(body).Hex != e.Name() {
			t.Errorf("%s: %d bytes with digest %s, %v", e.Name(), len(body), digestOf(body), err)
		}
	}
}

// checkRemovesStale checks that old files in ingest are removed, and a recent one stays.
func checkRemovesStale(t *testing.T, dir string) {
	t.Helper()
	ingest := filepath.Join(dir, "ingest")
	entries, err := os.ReadDir(ingest)
	if err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-2 * staleAfter)
	for _, e := range entries {
		if err := os.Chtimes(filepath.Join(ingest, e.Name()), old, old); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(ingest, "recent"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	openCache(t, dir)
	if left := fileNames(t, ingest); len(left) != 1 || left[0] != "recent" {
		t.Errorf("left: %v", left)
	}
}
