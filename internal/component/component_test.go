package component

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/org/linuxkit-action/fixtures/image"
	"github.com/org/linuxkit-action/internal/component/tree"
	"github.com/org/linuxkit-action/internal/manifest"
	"github.com/org/linuxkit-action/internal/progress"
)

// resolve loads a manifest with one service and resolves it.
func resolve(t *testing.T, reference string, registry *Registry) (*Set, error) {
	t.Helper()
	m, err := manifest.Load(t.Context(), []string{"-"}, manifest.Options{Stdin: strings.NewReader("services: [{name: web, image: '" + reference + "'}]")})
	if err != nil {
		t.Fatal(err)
	}
	return Resolve(t.Context(), m, "amd64", registry, progress.Silent())
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
	cache, err := OpenCache(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	unpacked, err := set.Components[0].Unpack(t.Context(), cache, progress.Silent())
	if err == nil {
		t.Cleanup(func() { unpacked.Close() })
	}
	return unpacked, err
}

// show lists a tree as "name=content" for files and "name/" for folders.
func show(t *tree.Tree) string {
	var out []string
	t.Walk(func(name string, i *tree.Inode) error {
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

func TestFlattenAppliesLayersAsTheSpecificationSays(t *testing.T) {
	t.Parallel()
	type layers [][]image.Entry
	for name, tt := range map[string]struct {
		layers layers
		want   string
	}{
		"upper wins":                         {layers{{image.File("a", "1")}, {image.File("a", "2")}}, "a=2"},
		"whiteout takes away":                {layers{{image.File("d/a", "1"), image.File("d/b", "1")}, {image.File("d/.wh.a", "")}}, "d/ d/b=1"},
		"whiteout of a folder":               {layers{{image.File("d/a", "1")}, {image.File(".wh.d", "")}}, ""},
		"whiteout of nothing":                {layers{{image.File("a", "1")}, {image.File(".wh.x", "")}}, "a=1"},
		"opaque folder":                      {layers{{image.File("d/a", "1")}, {image.File("d/.wh..wh..opq", ""), image.File("d/b", "2")}}, "d/ d/b=2"},
		"opaque said last":                   {layers{{image.File("d/a", "1")}, {image.File("d/b", "2"), image.File("d/.wh..wh..opq", "")}}, "d/ d/b=2"},
		"whiteout beside its replacement":    {layers{{image.File("a", "1")}, {image.File("a", "2"), image.File(".wh.a", "")}}, "a=2"},
		"aufs's own marks":                   {layers{{image.File(".wh..wh.plnk", "x")}}, ""},
		"hard link keeps replaced content":   {layers{{image.File("a", "1"), image.Link("b", "a")}, {image.File("a", "2")}}, "a=2 b=1"},
		"hard link to a lower layer":         {layers{{image.File("a", "1")}, {image.Link("b", "a")}}, "a=1 b=1"},
		"file whose folder is not mentioned": {layers{{image.File("x/y/z", "1")}}, "x/ x/y/ x/y/z=1"},
		"dots stay inside":                   {layers{{image.File("../../etc/passwd", "1"), image.File("./b", "2")}}, "b=2 etc/ etc/passwd=1"},
		"link out of the root stays inside":  {layers{{image.Symlink("out", "/../../..")}, {image.File("out/f", "1")}}, "f=1 out->/../../.."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var made []v1.Layer
			for _, entries := range tt.layers {
				made = append(made, image.Layer(t, entries...))
			}
			got, err := unpack(t, image.Make(t, v1.Config{}, made...), nil)
			if err != nil {
				t.Fatal(err)
			}
			if text := show(got.Tree); text != tt.want {
				t.Errorf("got  %q\nwant %q", text, tt.want)
			}
		})
	}
}

func TestMalformedLayersAreRefused(t *testing.T) {
	t.Parallel()
	whole := image.Tar(t, image.File("a", strings.Repeat("x", 2000)))
	stranger := image.File("a", "")
	stranger.Uid, stranger.Format = 1<<33+5, tar.FormatPAX
	for name, tt := range map[string]struct {
		data []byte
		want error
	}{
		"archive cut in the middle": {whole[:1000], ErrMalformed},
		"no archive":                {[]byte(strings.Repeat("no tar at all ", 100)), ErrMalformed},
		"owner beyond 32 bits":      {image.Tar(t, stranger), ErrMalformed},
		"link to nowhere":           {image.Tar(t, image.Link("a", "b")), tree.ErrConflict},
		"links in a circle":         {image.Tar(t, image.Symlink("a", "b"), image.Symlink("b", "a"), image.File("a/f", "1")), tree.ErrConflict},
		"unknown type":              {image.Tar(t, image.Entry{Header: tar.Header{Typeflag: 'Z', Name: "a"}}), ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := unpack(t, image.Make(t, v1.Config{}, image.RawLayer(t, tt.data)), nil)
			if !errors.Is(err, tt.want) || !strings.Contains(err.Error(), `services[0] "web"`) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// lying returns a registry that changes the body of every layer it serves.
func lying(change func([]byte) []byte) func(http.Handler) http.Handler {
	return func(honest http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodGet || !strings.Contains(r.URL.Path, "/blobs/") {
				honest.ServeHTTP(w, r)
				return
			}
			kept := &recorder{header: http.Header{}}
			honest.ServeHTTP(kept, r)
			body := kept.Bytes()
			if bytes.HasPrefix(body, []byte{0x1f, 0x8b}) {
				body = change(body)
			}
			w.WriteHeader(kept.code)
			w.Write(body)
		})
	}
}

type recorder struct {
	bytes.Buffer
	header http.Header
	code   int
}

func (r *recorder) Header() http.Header  { return r.header }
func (r *recorder) WriteHeader(code int) { r.code = code }

func TestLayersThatAreNotTheirDigest(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		change func([]byte) []byte
		want   string
	}{
		"one byte replaced": {func(b []byte) []byte { b[len(b)/2] ^= 1; return b }, "hash to sha256:"},
		"trailing bytes":    {func(b []byte) []byte { return append(b, "more"...) }, "has more than the"},
		"shorter than said": {func(b []byte) []byte { return b[:len(b)-3] }, "its image says"},
		"nothing":           {func(b []byte) []byte { return nil }, "has 0 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := unpack(t, image.Make(t, v1.Config{}, image.Layer(t, image.File("a", "content"))), lying(tt.change))
			if !errors.Is(err, ErrDigest) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestLayerWithAnotherDiffID(t *testing.T) {
	t.Parallel()
	made := image.Make(t, v1.Config{}, image.Layer(t, image.File("a", "1")))
	config, err := made.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	config = config.DeepCopy()
	config.RootFS.DiffIDs[0].Hex = strings.Repeat("0", 64)
	if made, err = mutate.ConfigFile(made, config); err != nil {
		t.Fatal(err)
	}
	if _, err := unpack(t, made, nil); !errors.Is(err, ErrDigest) {
		t.Errorf("got %v", err)
	}
}

func TestResolve(t *testing.T) {
	t.Parallel()
	host := image.Serve(t, nil)
	made := image.Make(t, v1.Config{}, image.Layer(t, image.File("a", "1")))
	digest := image.Push(t, made, host+"/acme/web:1")
	for name, tt := range map[string]struct {
		reference string
		registry  *Registry
		want      error
	}{
		"by tag":                      {host + "/acme/web:1", &Registry{}, nil},
		"by digest":                   {host + "/acme/web@" + digest.String(), &Registry{}, nil},
		"through a mirror":            {"ghcr.io/acme/web:1", &Registry{Mirrors: []string{"ghcr.io=http://" + host}}, nil},
		"through a mirror of the hub": {"acme/web:1", &Registry{Mirrors: []string{"docker.io=http://" + host}}, nil},
		"through a mirror of all":     {"quay.io/acme/web:1", &Registry{Mirrors: []string{"http://" + host}}, nil},
		"no such tag":                 {host + "/acme/web:2", &Registry{}, ErrNotFound},
		"no such digest":              {host + "/acme/web@sha256:" + strings.Repeat("0", 64), &Registry{}, ErrNotFound},
		"nobody there":                {"127.0.0.1:1/acme/web:1", &Registry{}, ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			set, err := resolve(t, tt.reference, tt.registry)
			if !errors.Is(err, tt.want) {
				t.Fatalf("got %v", err)
			}
			if err == nil && (set.Components[0].PlatformDigest != digest || set.Components[0].Bytes() == 0) {
				t.Errorf("got %+v", set.Components[0])
			}
		})
	}
}

func TestResolveChoosesThePlatform(t *testing.T) {
	t.Parallel()
	host := image.Serve(t, nil)
	made := image.Make(t, v1.Config{}, image.Layer(t, image.File("a", "1")))
	digest := image.Push(t, made, host+"/web:amd64")
	index := mutate.AppendManifests(empty.Index,
		mutate.IndexAddendum{Add: empty.Image, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "s390x"}}},
		mutate.IndexAddendum{Add: made, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "amd64"}}})
	image.PushIndex(t, index, host+"/web:1")
	set, err := resolve(t, host+"/web:1", &Registry{})
	if err != nil {
		t.Fatal(err)
	}
	if c := set.Components[0]; c.PlatformDigest != digest || c.IndexDigest == digest {
		t.Errorf("index %s, platform %s, want %s", c.IndexDigest, c.PlatformDigest, digest)
	}
	m := set.Manifest
	if _, err := Resolve(t.Context(), m, "riscv64", &Registry{}, progress.Silent()); !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), "only for [linux/s390x linux/amd64]") {
		t.Errorf("got %v", err)
	}
}

func TestAnswersThatDoNotEndAreCutOff(t *testing.T) {
	t.Parallel()
	host := image.Serve(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !strings.Contains(r.URL.Path, "/manifests/") {
				next.ServeHTTP(w, r)
				return
			}
			w.Header().Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
			for {
				if _, err := w.Write(make([]byte, 1<<20)); err != nil {
					return
				}
			}
		})
	})
	if _, err := resolve(t, host+"/web:1", &Registry{}); !errors.Is(err, ErrMalformed) || !strings.Contains(err.Error(), "more than 16 MiB") {
		t.Errorf("got %v", err)
	}
}

func TestBadMirrorsAreRefused(t *testing.T) {
	t.Parallel()
	for _, mirror := range []string{"ghcr.io=ftp://x", "nonsense", "a=b=c", "ghcr.io="} {
		if _, err := resolve(t, "ghcr.io/x/y:1", &Registry{Mirrors: []string{mirror}}); err == nil || !strings.Contains(err.Error(), "--mirror") {
			if mirror == "a=b=c" && err != nil {
				continue // a mirror for a registry called a; ours is another
			}
			t.Errorf("%s: %v", mirror, err)
		}
	}
}

func TestCacheHealsAndIsNotAskedTwice(t *testing.T) {
	t.Parallel()
	asked := 0
	host := image.Serve(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/blobs/") {
				asked++
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
	cache, err := OpenCache(dir)
	if err != nil {
		t.Fatal(err)
	}
	digest, _ := layer.Digest()
	for i, spoil := range []bool{false, false, true, false} {
		blob := filepath.Join(dir, "blobs/sha256", digest.Hex)
		if spoil {
			os.WriteFile(blob, []byte("spoilt"), 0o600)
		}
		before := asked
		got, err := set.Components[0].Unpack(t.Context(), cache, progress.Silent())
		if err != nil {
			t.Fatal(err)
		}
		got.Close()
		if want := i == 0 || spoil; (asked > before) != want {
			t.Errorf("run %d: asked the registry: %v, want %v", i, asked > before, want)
		}
	}
	left, err := os.ReadDir(filepath.Join(dir, "ingest"))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestCancelLeavesOnlyWhatCanBeGoneOnWith: no blob, and of the layer what had come.
func TestCancelLeavesOnlyWhatCanBeGoneOnWith(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	var stalls atomic.Bool
	// The registry sends half of the layer and waits; the user loses patience.
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
	cache, err := OpenCache(dir)
	if err != nil {
		t.Fatal(err)
	}
	stalls.Store(true)
	if _, err := set.Components[0].Unpack(ctx, cache, progress.Silent()); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if left, _ := os.ReadDir(filepath.Join(dir, "blobs/sha256")); len(left) != 0 {
		t.Errorf("blobs: %v", left)
	}
	digest, _ := layer.Digest()
	for _, e := range ingested(t, dir) {
		if body, err := os.ReadFile(filepath.Join(dir, "ingest", e)); e != digest.Hex+".partial" || string(body) != "\x1f" {
			t.Errorf("ingest holds %s: %q, %v", e, body, err)
		}
	}
	stalls.Store(false)
	got, err := set.Components[0].Unpack(t.Context(), cache, progress.Silent())
	if err != nil {
		t.Fatal(err)
	}
	got.Close()
	if left := ingested(t, dir); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

// ingested lists what is half-fetched.
func ingested(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(dir, "ingest"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func FuzzUntar(f *testing.F) {
	f.Add(image.Tar(f, image.File("a/b", "x"), image.Symlink("l", "a"), image.Link("h", "a/b"), image.File("a/.wh.b", "")))
	f.Fuzz(func(t *testing.T, data []byte) {
		into := tree.New()
		keep := func(h *tar.Header, r io.Reader) (io.ReaderAt, error) {
			b, err := io.ReadAll(io.LimitReader(r, 1<<20))
			return bytes.NewReader(b), err
		}
		u := &unpacker{into, keep, "fuzz", map[*tree.Inode]bool{}}
		if err := u.run(t.Context(), bytes.NewReader(data)); err != nil {
			return
		}
		into.Walk(func(name string, _ *tree.Inode) error {
			if name != tree.Clean(name) || strings.HasPrefix(name, "/") {
				t.Errorf("path %q", name)
			}
			return nil
		})
	})
}
