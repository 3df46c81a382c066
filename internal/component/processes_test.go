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

// childVariable makes the test program a run of its own: it says which image to unpack
// through which cache.
const childVariable = "COMPONENT_TEST_CHILD"

func TestMain(m *testing.M) {
	if reference, dir, ok := strings.Cut(os.Getenv(childVariable), " "); ok {
		os.Exit(child(reference, dir))
	}
	os.Exit(m.Run())
}

// child unpacks an image and prints the digest of what is in it.
func child(reference, dir string) int {
	err := func() error {
		m, err := manifest.Load(context.Background(), []string{"-"}, manifest.Options{Stdin: strings.NewReader("services: [{name: web, image: '" + reference + "'}]")})
		if err != nil {
			return err
		}
		cache, err := OpenCache(dir)
		if err != nil {
			return err
		}
		set, err := Resolve(context.Background(), m, "amd64", &Registry{Cache: cache}, silent)
		if err != nil {
			return err
		}
		unpacked, err := set.Components[0].Unpack(context.Background(), cache, silent)
		if err != nil {
			return err
		}
		defer unpacked.Close()
		fmt.Println(digestOf([]byte(show(unpacked.Tree))))
		return nil
	}()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// victim is a run, and the registry that it asks. With a fatal number it is killed by
// SIGKILL in the middle of the answer to the question of that number.
type victim struct {
	honest  http.Handler
	about   string // part of the paths that count
	fatal   int64
	asked   atomic.Int64
	process chan *os.Process
	dead    chan struct{}
}

// ServeHTTP implements http.Handler.
func (v *victim) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !strings.Contains(r.URL.Path, v.about) || v.asked.Add(1) != v.fatal {
		v.honest.ServeHTTP(w, r)
		return
	}
	kept := &recorder{header: http.Header{}, code: http.StatusOK}
	v.honest.ServeHTTP(kept, r)
	w.Header().Set("Content-Length", fmt.Sprint(kept.Len()))
	w.WriteHeader(kept.code)
	w.Write(kept.Bytes()[:kept.Len()/2])
	w.(http.Flusher).Flush()
	(<-v.process).Kill()
	<-v.dead // the request's own context does not say so where the answer was empty, and the next question has come
}

// run starts the run, and returns what it printed; that of one which was killed is empty.
func (v *victim) run(t *testing.T, dir string) string {
	v.process, v.dead = make(chan *os.Process, 1), make(chan struct{})
	server := httptest.NewServer(v)
	defer server.Close()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"="+strings.TrimPrefix(server.URL, "http://")+"/web:1 "+dir)
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := cmd.Start(); err != nil {
		t.Error(err)
		return ""
	}
	v.process <- cmd.Process
	err := cmd.Wait()
	close(v.dead)
	if err != nil && cmd.ProcessState.ExitCode() != -1 {
		t.Errorf("%v: %s", err, problems.String())
	}
	return strings.TrimSpace(out.String())
}

// TestTenRunsOnOneCacheSomeKilled: whoever lives has the right result, whatever is in
// the cache is whole, and what the dead have left goes.
func TestTenRunsOnOneCacheSomeKilled(t *testing.T) {
	t.Parallel()
	honest := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	server := httptest.NewServer(honest)
	defer server.Close()
	var layers []v1.Layer
	for i := range 6 {
		layers = append(layers, image.Layer(t, image.File(fmt.Sprint("file", i), noise(300_000))))
	}
	image.Push(t, image.Make(t, v1.Config{}, layers...), strings.TrimPrefix(server.URL, "http://")+"/web:1")
	dir := t.TempDir()
	want := (&victim{honest: honest}).run(t, t.TempDir())
	killed := 0
	for round := range 3 {
		if round > 0 {
			spoilSome(t, filepath.Join(dir, "blobs/sha256"))
		}
		results := make([]string, 10)
		var runs sync.WaitGroup
		for i := range results {
			v := &victim{honest: honest}
			if i%2 == 0 {
				v.fatal = 1 + rand.Int64N(10) // a run with nothing in the cache asks about ten times
			}
			runs.Go(func() { results[i] = v.run(t, dir) })
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
		t.Error("nobody was killed")
	}
	sweepUp(t, dir)
}

// spoilSome cuts every other blob in the middle.
func spoilSome(t *testing.T, dir string) {
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

func checkBlobs(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) == 0 {
		t.Errorf("%d blobs, %v", len(entries), err)
	}
	for _, e := range entries {
		body, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil || digestOf(body).Hex != e.Name() {
			t.Errorf("%s: %d bytes that hash to %s, %v", e.Name(), len(body), digestOf(body), err)
		}
	}
}

// sweepUp lets what is left half-fetched grow old, but for one that lives.
func sweepUp(t *testing.T, dir string) {
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
	if err := os.WriteFile(filepath.Join(ingest, "alive"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	open(t, dir)
	if left, err := os.ReadDir(ingest); err != nil || len(left) != 1 || left[0].Name() != "alive" {
		t.Errorf("left: %v, %v", left, err)
	}
}
