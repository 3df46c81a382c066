package component

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// maxPages bounds a list that comes in several answers.
const maxPages = 100

// isList reports whether a question is for a list of referrers, which may come in pages
// (OCI distribution specification 1.1, "Listing Referrers"). go-containerregistry takes
// the first for the whole. We ask for no filter, as the types of what we want have a
// version in them; so OCI-Filters-Applied tells us nothing.
func isList(request *http.Request) bool { return strings.Contains(request.URL.Path, "/referrers/") }

// turnPages returns the whole list that a page begins: its body is the page itself where
// no other follows. The error wraps ErrMalformed where the pages lead elsewhere, or never
// end: who can make them so can take signatures away as well, but cannot make one.
func (m *memory) turnPages(request *http.Request, page *http.Response, body []byte) ([]byte, error) {
	next, err := nextPage(request.URL, page)
	if next == nil || err != nil {
		return body, err
	}
	var list v1.IndexManifest
	seen := map[string]bool{}
	for size := len(body); ; size += len(body) {
		if size > maxAnswerBytes {
			return nil, errEndless
		}
		if err := appendPage(&list, body); err != nil {
			return nil, err
		}
		if next == nil {
			return json.Marshal(list)
		}
		seen[request.URL.String()] = true
		if seen[next.String()] || len(seen) == maxPages {
			return nil, fmt.Errorf("%w: the list of referrers goes round in a circle, or has more than %d pages", ErrMalformed, maxPages)
		}
		request = request.Clone(request.Context())
		request.URL = next
		if next, body, err = m.turn(request); err != nil {
			return nil, err
		}
	}
}

// turn asks for one page, and returns where the next one is, or nil.
func (m *memory) turn(request *http.Request) (*url.URL, []byte, error) {
	page, body, err := m.ask(request)
	if err != nil {
		return nil, nil, err
	}
	if body != nil { // it is read, and closed
		page.Body = io.NopCloser(bytes.NewReader(body))
	}
	if err := expect(page, http.StatusOK); err != nil {
		return nil, nil, fmt.Errorf("next page of the list of referrers: %w", err)
	}
	next, err := nextPage(request.URL, page)
	return next, body, err
}

// appendPage adds a page to a list, whose other fields are those of the first.
func appendPage(list *v1.IndexManifest, body []byte) error {
	var page v1.IndexManifest
	if err := json.Unmarshal(body, &page); err != nil {
		return fmt.Errorf("%w: list of referrers: %w", ErrMalformed, err)
	}
	page.Manifests = append(list.Manifests, page.Manifests...)
	*list = page
	return nil
}

// relNext finds the address of the next page in a Link header (RFC 8288, section 3).
var relNext = regexp.MustCompile(`(?i)<([^>]*)>[^<]*;\s*rel\s*=\s*"?([^"<,;]*\s)?next\b`)

// nextPage returns where a page says that the next one is, or nil. That must be at the
// same host: whoever answers does not choose whom else we ask.
func nextPage(here *url.URL, page *http.Response) (*url.URL, error) {
	found := relNext.FindStringSubmatch(strings.Join(page.Header.Values("Link"), ", "))
	if found == nil {
		return nil, nil
	}
	next, err := here.Parse(found[1])
	if err != nil || next.Scheme != here.Scheme || next.Host != here.Host || next.User != nil {
		return nil, fmt.Errorf("%w: the list of referrers goes on at %.200q, which is not at %s://%s", ErrMalformed, found[1], here.Scheme, here.Host)
	}
	return next, nil
}
