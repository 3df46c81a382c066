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

// paged makes a registry list one referrer on each page, after those of flood.
func paged(flood []v1.Descriptor, link string) func(http.Handler) http.Handler {
	return func(http.Handler) http.Handler {
		origin := registry.New(registry.WithReferrersSupport(true), registry.Logger(log.New(io.Discard, "", 0)))
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !strings.Contains(r.URL.Path, "/referrers/") {
				origin.ServeHTTP(w, r)
				return
			}
			recorder := httptest.NewRecorder()
			origin.ServeHTTP(recorder, r)
			var list v1.IndexManifest
			if err := json.Unmarshal(recorder.Body.Bytes(), &list); err != nil {
				w.WriteHeader(http.StatusInternalServerError)
				return
			}
			byDigest := func(a, b v1.Descriptor) int { return strings.Compare(a.Digest.Hex, b.Digest.Hex) }
			slices.SortFunc(list.Manifests, byDigest) // for every page the same list
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

func TestFindsSignatureOnLaterPage(t *testing.T) {
	t.Parallel()
	s := newVirtualSigstore(t)
	key, eve := s.newKey("a.pub"), s.newKey("eve.pub")
	p := s.policy("rules: [{match: '**', key: a.pub}]")
	list := func(artifactType string, n int) []v1.Descriptor {
		var all []v1.Descriptor
		for i := range n {
			d := v1.Descriptor{MediaType: types.OCIManifestSchema1, Size: 2, ArtifactType: artifactType}
			d.Digest = v1.Hash{Algorithm: "sha256", Hex: fmt.Sprintf("%064x", i)}
			all = append(all, d)
		}
		return all
	}
	const next = `<?page=PAGE>; rel="next"`
	for name, tt := range map[string]struct {
		flood []v1.Descriptor
		link  string
		want  string // of the error
	}{
		"after another signature": {link: next},
		"after other referrers":   {flood: list("text/plain", 80), link: next},
		"after missing bundles":   {flood: list(bundleType, 5), link: next},
		"after too many bundles":  {flood: list(bundleType, 70), link: next, want: "and 61 more"},
		"after too many pages":    {flood: list("text/plain", 120), link: next, want: "more than 100 pages"},
		"next page on another host": {
			flood: list("text/plain", 1),
			link:  `<http://127.0.0.1:1/?page=PAGE>; rel="next"`,
			want:  "list of referrers: next page",
		},
		"no link to the next page": {flood: list("text/plain", 1), link: `<?page=PAGE>; rel="prev"`, want: "no signature"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			repository := image.Serve(t, paged(tt.flood, tt.link)) + "/web"
			digest := image.Push(t, newImage(t, name), repository+":1")
			attach(t, repository, digest, s.keyBundle(eve, statementOf(signPredicate, digest)))
			attach(t, repository, digest, s.keyBundle(key, statementOf(signPredicate, digest)))
			_, err := check(t, repository+":1", p, Enforce)
			if tt.want == "" && err != nil || tt.want != "" && (!errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
			if errors.Is(err, component.ErrUnavailable) {
				t.Errorf("not temporary: %v", err)
			}
		})
	}
}
