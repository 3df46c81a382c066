package component

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/org/linuxkit-action/fixtures/image"
	"github.com/org/linuxkit-action/internal/component/tree"
)

func TestFlattenAppliesChangesets(t *testing.T) {
	t.Parallel()
	type layers = [][]image.Entry
	file, link, symlink := image.File, image.Link, image.Symlink
	for name, tt := range map[string]struct {
		layers layers
		want   string
	}{
		"upper layer replaces file": {layers: layers{{file("a", "1")}, {file("a", "2")}}, want: "a=2"},
		"whiteout": {
			layers: layers{{file("d/a", "1"), file("d/b", "1")}, {file("d/.wh.a", "")}},
			want:   "d/ d/b=1",
		},
		"whiteout of a folder": {layers: layers{{file("d/a", "1")}, {file(".wh.d", "")}}, want: ""},
		"whiteout of nothing":  {layers: layers{{file("a", "1")}, {file(".wh.x", "")}}, want: "a=1"},
		"opaque folder": {
			layers: layers{{file("d/a", "1")}, {file("d/.wh..wh..opq", ""), file("d/b", "2")}},
			want:   "d/ d/b=2",
		},
		"opaque marker after its files": {
			layers: layers{{file("d/a", "1")}, {file("d/b", "2"), file("d/.wh..wh..opq", "")}},
			want:   "d/ d/b=2",
		},
		"whiteout beside its replacement": {
			layers: layers{{file("a", "1")}, {file("a", "2"), file(".wh.a", "")}},
			want:   "a=2",
		},
		"metadata of AUFS": {layers: layers{{file(".wh..wh.plnk", "x")}}, want: ""},
		"hard link to a replaced file": {
			layers: layers{{file("a", "1"), link("b", "a")}, {file("a", "2")}},
			want:   "a=2 b=1",
		},
		"hard link to a lower layer":           {layers: layers{{file("a", "1")}, {link("b", "a")}}, want: "a=1 b=1"},
		"file without an entry for its folder": {layers: layers{{file("x/y/z", "1")}}, want: "x/ x/y/ x/y/z=1"},
		"dot-dot stays below the root": {
			layers: layers{{file("../../etc/passwd", "1"), file("./b", "2")}},
			want:   "b=2 etc/ etc/passwd=1",
		},
		"link to above the root": {
			layers: layers{{symlink("out", "/../../..")}, {file("out/f", "1")}},
			want:   "f=1 out->/../../..",
		},
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

func TestRejectsMalformedLayers(t *testing.T) {
	t.Parallel()
	whole := image.Tar(t, image.File("a", strings.Repeat("x", 2000)))
	loop := image.Tar(t, image.Symlink("a", "b"), image.Symlink("b", "a"), image.File("a/f", "1"))
	foreign := image.File("a", "")
	foreign.Uid, foreign.Format = 1<<33+5, tar.FormatPAX
	for name, tt := range map[string]struct {
		data []byte
		want error
	}{
		"truncated archive":        {data: whole[:1000], want: ErrMalformed},
		"not an archive":           {data: []byte(strings.Repeat("no tar at all ", 100)), want: ErrMalformed},
		"owner beyond 32 bits":     {data: image.Tar(t, foreign), want: ErrMalformed},
		"hard link without target": {data: image.Tar(t, image.Link("a", "b")), want: tree.ErrConflict},
		"loop of links":            {data: loop, want: tree.ErrConflict},
		"unknown entry type":       {data: image.Tar(t, image.Entry{Header: tar.Header{Typeflag: 'Z', Name: "a"}}), want: ErrMalformed},
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

// changedLayers changes the body of every layer.
func changedLayers(change func([]byte) []byte) func(http.Handler) http.Handler {
	return func(registry http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodGet || !strings.Contains(r.URL.Path, "/blobs/") {
				registry.ServeHTTP(w, r)
				return
			}
			recorded := httptest.NewRecorder()
			registry.ServeHTTP(recorded, r)
			body := recorded.Body.Bytes()
			if bytes.HasPrefix(body, []byte{0x1f, 0x8b}) {
				body = change(body)
			}
			w.WriteHeader(recorded.Code)
			w.Write(body)
		})
	}
}

func TestRejectsLayersWithOtherContent(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		change func([]byte) []byte
		want   string
	}{
		"one bit changed": {change: func(b []byte) []byte { b[len(b)/2] ^= 1; return b }, want: "digest mismatch: got sha256:"},
		"trailing bytes":  {change: func(b []byte) []byte { return append(b, "more"...) }, want: "more than the"},
		"truncated":       {change: func(b []byte) []byte { return b[:len(b)-3] }, want: "in its descriptor"},
		"empty":           {change: func(b []byte) []byte { return nil }, want: ": 0 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := unpack(t, image.Make(t, v1.Config{}, image.Layer(t, image.File("a", "content"))), changedLayers(tt.change))
			if !errors.Is(err, ErrDigest) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestRejectsLayerWithOtherDiffID(t *testing.T) {
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

func FuzzUntar(f *testing.F) {
	f.Add(image.Tar(f, image.File("a/b", "x"), image.Symlink("l", "a"), image.Link("h", "a/b"), image.File("a/.wh.b", "")))
	f.Fuzz(func(t *testing.T, data []byte) {
		into := tree.New()
		store := func(_ *tar.Header, r io.Reader) (io.ReaderAt, error) {
			b, err := io.ReadAll(io.LimitReader(r, 1<<20))
			return bytes.NewReader(b), err
		}
		u := &unpacker{into: into, store: store, source: "fuzz", layer: 1}
		if err := u.unpack(t.Context(), bytes.NewReader(data)); err != nil {
			return
		}
		_ = into.Walk(func(name string, _ *tree.Inode) error {
			if name != tree.Clean(name) || strings.HasPrefix(name, "/") {
				t.Errorf("path %q", name)
			}
			return nil
		})
	})
}
