package verify

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/org/linuxkit-action/fixtures/image"
	"github.com/org/linuxkit-action/internal/component"
)

// inPages has a registry give its list of referrers one by page, behind those that others
// have flooded it with.
func inPages(flood []v1.Descriptor, link string) func(http.Handler) http.Handler {
	return func(http.Handler) http.Handler {
		honest := registry.New(registry.WithReferrersSupport(true), registry.Logger(log.New(io.Discard, "", 0)))
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !strings.Contains(r.URL.Path, "/referrers/") {
				honest.ServeHTTP(w, r)
				return
			}
			kept := httptest.NewRecorder()
			honest.ServeHTTP(kept, r)
			var list v1.IndexManifest
			if err := json.Unmarshal(kept.Body.Bytes(), &list); err != nil {
				w.WriteHeader(http.StatusInternalServerError)
				return
			}
			slices.SortFunc(list.Manifests, func(a, b v1.Descriptor) int { return strings.Compare(a.Digest.Hex, b.Digest.Hex) }) // each page is of the same list
			all := append(append([]v1.Descriptor(nil), flood...), list.Manifests...)
			page, _ := strconv.Atoi(r.URL.Query().Get("page"))
			list.Manifests = all[page:min(page+1, len(all))]
			w.Header().Set("Content-Type", string(types.OCIImageIndex))
			if page+1 < len(all) {
				w.Header().Set("Link", strings.ReplaceAll(link, "PAGE", fmt.Sprint(page+1)))
			}
			json.NewEncoder(w).Encode(list)
		})
	}
}

func TestSignatureOnALaterPage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	key, eve := w.newKey("a.pub"), w.newKey("eve.pub")
	policy := w.policy("rules: [{match: '**', key: a.pub}]")
	junk := func(artifactType string, n int) []v1.Descriptor {
		var list []v1.Descriptor
		for i := range n {
			d := v1.Descriptor{MediaType: types.OCIManifestSchema1, Size: 2, ArtifactType: artifactType}
			d.Digest = v1.Hash{Algorithm: "sha256", Hex: fmt.Sprintf("%064x", i)}
			list = append(list, d)
		}
		return list
	}
	const bundle = "application/vnd.dev.sigstore.bundle.v0.3+json"
	for name, tt := range map[string]struct {
		flood []v1.Descriptor
		link  string
		want  string // of the refusal
	}{
		"behind that of another":             {nil, `<?page=PAGE>; rel="next"`, ""},
		"behind what is no signature":        {junk("text/plain", 80), `<?page=PAGE>; rel="next"`, ""},
		"behind signatures that are none":    {junk(bundle, 5), `<?page=PAGE>; rel="next"`, ""},
		"behind too many":                    {junk(bundle, 70), `<?page=PAGE>; rel="next"`, "and 61 more"},
		"behind too many pages":              {junk("text/plain", 120), `<?page=PAGE>; rel="next"`, "more than 100 pages"},
		"on a page at another host":          {junk("text/plain", 1), `<http://127.0.0.1:1/?page=PAGE>; rel="next"`, "list of referrers: next page"},
		"on a page that is not said to come": {junk("text/plain", 1), `<?page=PAGE>; rel="prev"`, "no signature"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			repository := image.Serve(t, inPages(tt.flood, tt.link)) + "/web"
			digest := image.Push(t, image.Make(t, v1.Config{}, image.Layer(t, image.File("a", name))), repository+":1")
			attach(t, repository, digest, w.byKey(eve, statement(signPredicate, digest)))
			attach(t, repository, digest, w.byKey(key, statement(signPredicate, digest)))
			_, err := check(t, repository+":1", policy, Enforce)
			if tt.want == "" && err != nil || tt.want != "" && (!errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
			if errors.Is(err, component.ErrUnavailable) {
				t.Errorf("that does not pass: %v", err)
			}
		})
	}
}
