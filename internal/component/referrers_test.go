package component

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/org/linuxkit-action/fixtures/image"
)

// pagedReferrers is a registry with a list of referrers in pages of two.
type pagedReferrers struct {
	registry http.Handler
	pages    int
	link     func(next int, r *http.Request) string          // Link header, where another page follows
	respond  func(w http.ResponseWriter, page int) (ok bool) // replaces a page
	requests atomic.Int64                                    // of pages
}

// ServeHTTP implements http.Handler.
func (p *pagedReferrers) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !strings.Contains(r.URL.Path, "/referrers/") {
		p.registry.ServeHTTP(w, r)
		return
	}
	p.requests.Add(1)
	page, _ := strconv.Atoi(r.URL.Query().Get("page"))
	if p.respond != nil && p.respond(w, page) {
		return
	}
	w.Header().Set("Content-Type", string(types.OCIImageIndex))
	if page+1 < p.pages {
		w.Header().Set("Link", p.link(page+1, r))
	}
	list := v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex}
	for i := range 2 {
		list.Manifests = append(list.Manifests, v1.Descriptor{
			MediaType:    types.OCIManifestSchema1,
			Digest:       digestOf(fmt.Append(nil, page, i)),
			ArtifactType: "text/plain",
		})
	}
	json.NewEncoder(w).Encode(list)
}

// relativeLink is the header that registries send.
func relativeLink(next int, r *http.Request) string {
	return fmt.Sprintf(`<%s?page=%d>; rel="next"`, r.URL.Path, next)
}

// component resolves an image with that list.
func (p *pagedReferrers) component(t *testing.T, registry *Registry) *Component {
	t.Helper()
	host := image.Serve(t, func(registry http.Handler) http.Handler { p.registry = registry; return p })
	image.Push(t, imageWith(t, "1"), host+"/web:1")
	set, err := resolve(t, host+"/web:1", registry)
	if err != nil {
		t.Fatal(err)
	}
	return set.Components[0]
}

// referrers lists the referrers of an image.
func referrers(t *testing.T, c *Component) (*v1.IndexManifest, error) {
	t.Helper()
	options := append(c.RemoteOptions(), remote.WithContext(t.Context()))
	list, err := remote.Referrers(c.Repository().Digest(c.IndexDigest.String()), options...)
	if err != nil {
		return nil, Classify(err)
	}
	return list.IndexManifest()
}

// linkTo returns a Link header; HOST, PATH and PAGE stand for those of the next page.
func linkTo(format string) func(int, *http.Request) string {
	return func(next int, r *http.Request) string {
		return strings.NewReplacer("HOST", r.Host, "PATH", r.URL.Path, "PAGE", strconv.Itoa(next)).Replace(format)
	}
}

func TestReadsAllPagesOfReferrers(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		pages int
		link  func(next int, r *http.Request) string
		want  int // pages
	}{
		"one page":           {pages: 1, want: 1},
		"three pages":        {pages: 3, link: relativeLink, want: 3},
		"maximum":            {pages: maxPages, link: relativeLink, want: maxPages},
		"absolute URL":       {pages: 3, link: linkTo(`<http://HOSTPATH?page=PAGE>; rel="next"`), want: 3},
		"only a query":       {pages: 3, link: linkTo(`<?page=PAGE>;rel=next`), want: 3},
		"previous page only": {pages: 3, link: linkTo(`<?page=PAGE>; rel="prev"`), want: 1},
		"other relation":     {pages: 3, link: linkTo(`<?page=PAGE>; rel="nextest"`), want: 1},
		"no target":          {pages: 3, link: linkTo(`rel="next"`), want: 1},
		"among other links": {
			pages: 3, want: 3,
			link: linkTo(`</first,really>; rel="first"; title="next", <PATH?page=PAGE>; rel="next"; title="n", </last>; rel="last"`),
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := &pagedReferrers{pages: tt.pages, link: tt.link}
			list, err := referrers(t, p.component(t, &Registry{}))
			if err != nil {
				t.Fatal(err)
			}
			if len(list.Manifests) != 2*tt.want || p.requests.Load() != int64(tt.want) {
				t.Errorf("%d manifests, %d requests for pages, want %d", len(list.Manifests), p.requests.Load(), tt.want)
			}
			last := list.Manifests[len(list.Manifests)-1]
			if last.Digest != digestOf(fmt.Append(nil, tt.want-1, 1)) || last.ArtifactType != "text/plain" {
				t.Errorf("last entry is %+v", last)
			}
		})
	}
}

// secondPage replaces the second page by a status and a body.
func secondPage(status int, body string) func(http.ResponseWriter, int) bool {
	return func(w http.ResponseWriter, page int) bool {
		if page == 1 {
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}
		return page == 1
	}
}

func TestRejectsPagesElsewhere(t *testing.T) {
	t.Parallel()
	for name, link := range map[string]string{
		"other host":   `<http://169.254.169.254/PATH>; rel="next"`,
		"other port":   `<http://127.0.0.1:1/PATH>; rel="next"`,
		"no scheme":    `<//example.com/PATH>; rel="next"`,
		"other scheme": `<https://HOSTPATH?page=PAGE>; rel="next"`,
		"file":         `<file:///etc/passwd>; rel="next"`,
		"user":         `<http://root@HOSTPATH?page=PAGE>; rel="next"`,
		"invalid URL":  `<http://%zz>; rel="next"`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := &pagedReferrers{pages: 10 * maxPages, link: linkTo(link)}
			_, err := referrers(t, p.component(t, &Registry{}))
			if !errors.Is(err, ErrMalformed) || !strings.Contains(err.Error(), "is not at http://127.0.0.1:") || p.requests.Load() != 1 {
				t.Errorf("%d requests for pages, got %v", p.requests.Load(), err)
			}
		})
	}
}

func TestRejectsInvalidPages(t *testing.T) {
	t.Parallel()
	loop := func(next int, r *http.Request) string { return relativeLink(next%3, r) }
	for name, tt := range map[string]struct {
		link     func(int, *http.Request) string // relativeLink where nil
		respond  func(http.ResponseWriter, int) bool
		want     error
		text     string
		requests int64
	}{
		"link to itself":   {link: linkTo(`<PATH>; rel="next"`), want: ErrMalformed, text: "a page repeats", requests: 1},
		"loop":             {link: loop, want: ErrMalformed, text: "a page repeats", requests: 4}, // the first page has two URLs
		"too many":         {want: ErrMalformed, text: "more than 100 pages", requests: maxPages},
		"404":              {respond: secondPage(http.StatusNotFound, ""), want: ErrNotFound, requests: 2},
		"403":              {respond: secondPage(http.StatusForbidden, ""), want: ErrNotFound, requests: 2},
		"redirect to none": {respond: secondPage(http.StatusTemporaryRedirect, ""), want: ErrMalformed, requests: 2},
		"not JSON":         {respond: secondPage(http.StatusOK, "<html>"), want: ErrMalformed, text: "list of referrers", requests: 2},
		"page without end": {
			respond: secondPage(http.StatusOK, strings.Repeat(" ", maxResponseBytes)),
			want:    ErrMalformed, text: "response of more than", requests: 2,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if tt.link == nil {
				tt.link = relativeLink
			}
			p := &pagedReferrers{pages: 10 * maxPages, link: tt.link, respond: tt.respond}
			_, err := referrers(t, p.component(t, &Registry{}))
			if !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("got %v", err)
			}
			if p.requests.Load() != tt.requests {
				t.Errorf("%d requests for pages, want %d", p.requests.Load(), tt.requests)
			}
		})
	}
}

// TestCachesAllPages: the cache has the whole list as one response.
func TestCachesAllPages(t *testing.T) {
	t.Parallel()
	p := &pagedReferrers{pages: 4, link: relativeLink}
	registry := &Registry{Cache: openCache(t, t.TempDir())}
	c := p.component(t, registry)
	online, err := referrers(t, c)
	if err != nil {
		t.Fatal(err)
	}
	registry.Offline = true
	offline, err := referrers(t, c)
	if err != nil || len(offline.Manifests) != 8 || !reflect.DeepEqual(online, offline) || p.requests.Load() != 4 {
		t.Errorf("got %+v, %v; %d requests for pages", offline, err, p.requests.Load())
	}
}
