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

// paged is a registry with a list of referrers in pages of two.
type paged struct {
	honest http.Handler
	pages  int
	link   func(next int, r *http.Request) string // the header, where another page follows
	spoil  func(w http.ResponseWriter, page int) bool
	asked  atomic.Int64 // pages
}

// ServeHTTP implements http.Handler.
func (p *paged) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !strings.Contains(r.URL.Path, "/referrers/") {
		p.honest.ServeHTTP(w, r)
		return
	}
	p.asked.Add(1)
	page, _ := strconv.Atoi(r.URL.Query().Get("page"))
	if p.spoil != nil && p.spoil(w, page) {
		return
	}
	w.Header().Set("Content-Type", string(types.OCIImageIndex))
	if page+1 < p.pages {
		w.Header().Set("Link", p.link(page+1, r))
	}
	list := v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex}
	for i := range 2 {
		list.Manifests = append(list.Manifests, v1.Descriptor{MediaType: types.OCIManifestSchema1, Digest: digestOf(fmt.Append(nil, page, i)), ArtifactType: "text/plain"})
	}
	json.NewEncoder(w).Encode(list)
}

// relative is the header as registries make it.
func relative(next int, r *http.Request) string {
	return fmt.Sprintf(`<%s?page=%d>; rel="next"`, r.URL.Path, next)
}

// component is an image with that list.
func (p *paged) component(t *testing.T, registry *Registry) *Component {
	t.Helper()
	host := image.Serve(t, func(honest http.Handler) http.Handler { p.honest = honest; return p })
	image.Push(t, image.Make(t, v1.Config{}, image.Layer(t, image.File("a", "1"))), host+"/web:1")
	set, err := resolve(t, host+"/web:1", registry)
	if err != nil {
		t.Fatal(err)
	}
	return set.Components[0]
}

// list asks for the referrers of an image.
func list(t *testing.T, c *Component) (*v1.IndexManifest, error) {
	t.Helper()
	list, err := remote.Referrers(c.Repository().Digest(c.IndexDigest.String()), append(c.RemoteOptions(), remote.WithContext(t.Context()))...)
	if err != nil {
		return nil, Classify(err)
	}
	return list.IndexManifest()
}

func TestListsAreReadToTheLastPage(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		pages int
		link  func(next int, r *http.Request) string
		want  int // pages
	}{
		"one":               {1, nil, 1},
		"three":             {3, relative, 3},
		"as many as may be": {maxPages, relative, maxPages},
		"with the whole address": {3, func(next int, r *http.Request) string {
			return fmt.Sprintf(`<http://%s%s?page=%d>; rel="next"`, r.Host, r.URL.Path, next)
		}, 3},
		"with the query alone": {3, func(next int, _ *http.Request) string { return fmt.Sprintf(`<?page=%d>;rel=next`, next) }, 3},
		"among other links": {3, func(next int, r *http.Request) string {
			return `</first,really>; rel="first"; title="next", ` + relative(next, r) + `; title="n", </last>; rel="last"`
		}, 3},
		"the previous one only": {3, func(next int, r *http.Request) string { return fmt.Sprintf(`<?page=%d>; rel="prev"`, next) }, 1},
		"the next but one":      {3, func(next int, r *http.Request) string { return fmt.Sprintf(`<?page=%d>; rel="nextest"`, next) }, 1},
		"a header that is none": {3, func(int, *http.Request) string { return `rel="next"` }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := &paged{pages: tt.pages, link: tt.link}
			list, err := list(t, p.component(t, &Registry{}))
			if err != nil {
				t.Fatal(err)
			}
			if len(list.Manifests) != 2*tt.want || p.asked.Load() != int64(tt.want) {
				t.Errorf("%d manifests, %d pages asked for, want %d", len(list.Manifests), p.asked.Load(), tt.want)
			}
			if last := list.Manifests[len(list.Manifests)-1]; last.Digest != digestOf(fmt.Append(nil, tt.want-1, 1)) || last.ArtifactType != "text/plain" {
				t.Errorf("the last is %+v", last)
			}
		})
	}
}

func TestListsThatLeadAstray(t *testing.T) {
	t.Parallel()
	to := func(format string) func(int, *http.Request) string {
		return func(next int, r *http.Request) string {
			return strings.NewReplacer("HOST", r.Host, "PATH", r.URL.Path, "PAGE", strconv.Itoa(next)).Replace(format)
		}
	}
	status := func(code int) func(http.ResponseWriter, int) bool {
		return func(w http.ResponseWriter, page int) bool {
			if page == 1 {
				w.WriteHeader(code)
			}
			return page == 1
		}
	}
	body := func(text string) func(http.ResponseWriter, int) bool {
		return func(w http.ResponseWriter, page int) bool {
			if page == 1 {
				w.Write([]byte(text))
			}
			return page == 1
		}
	}
	for name, tt := range map[string]struct {
		link  func(int, *http.Request) string
		spoil func(http.ResponseWriter, int) bool
		want  error
		text  string
		asked int64
	}{
		"another host":        {to(`<http://169.254.169.254/PATH>; rel="next"`), nil, ErrMalformed, "goes on at", 1},
		"another port":        {to(`<http://127.0.0.1:1/PATH>; rel="next"`), nil, ErrMalformed, "goes on at", 1},
		"without a scheme":    {to(`<//example.com/PATH>; rel="next"`), nil, ErrMalformed, "goes on at", 1},
		"another scheme":      {to(`<https://HOSTPATH?page=PAGE>; rel="next"`), nil, ErrMalformed, "goes on at", 1},
		"a file":              {to(`<file:///etc/passwd>; rel="next"`), nil, ErrMalformed, "goes on at", 1},
		"another user":        {to(`<http://root@HOSTPATH?page=PAGE>; rel="next"`), nil, ErrMalformed, "goes on at", 1},
		"no address":          {to("<http://%zz>; rel=\"next\""), nil, ErrMalformed, "goes on at", 1},
		"itself":              {to(`<PATH>; rel="next"`), nil, ErrMalformed, "in a circle", 1},
		"in a circle":         {func(next int, r *http.Request) string { return relative(next%3, r) }, nil, ErrMalformed, "in a circle", 4}, // the first page has two addresses
		"for ever":            {relative, nil, ErrMalformed, "more than 100 pages", maxPages},
		"a page is not there": {relative, status(http.StatusNotFound), ErrNotFound, "", 2},
		"a page is forbidden": {relative, status(http.StatusForbidden), ErrNotFound, "", 2},
		"a page is elsewhere": {relative, status(http.StatusTemporaryRedirect), ErrMalformed, "", 2},
		"a page is no list":   {relative, body("<html>"), ErrMalformed, "list of referrers", 2},
		"a page without end":  {relative, body(strings.Repeat(" ", maxAnswerBytes)), ErrMalformed, "an answer of more than", 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := &paged{pages: 10 * maxPages, link: tt.link, spoil: tt.spoil}
			_, err := list(t, p.component(t, &Registry{}))
			if !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("got %v", err)
			}
			if p.asked.Load() != tt.asked {
				t.Errorf("asked for %d pages, want %d", p.asked.Load(), tt.asked)
			}
		})
	}
}

// TestPagesAreThereOffline: the cache keeps the whole list as one answer.
func TestPagesAreThereOffline(t *testing.T) {
	t.Parallel()
	p := &paged{pages: 4, link: relative}
	registry := &Registry{Cache: open(t, t.TempDir())}
	c := p.component(t, registry)
	online, err := list(t, c)
	if err != nil {
		t.Fatal(err)
	}
	registry.Offline = true
	offline, err := list(t, c)
	if err != nil || len(offline.Manifests) != 8 || !reflect.DeepEqual(online, offline) || p.asked.Load() != 4 {
		t.Errorf("got %+v, %v; asked for %d pages", offline, err, p.asked.Load())
	}
}
