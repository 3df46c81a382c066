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

// maxPages bounds the pages of one list of referrers.
const maxPages = 100

// isReferrersRequest reports whether the response may be paginated (OCI distribution
// specification 1.1, "Listing Referrers"). go-containerregistry reads only the first page.
// No request has a filter, as artifact types contain versions; so OCI-Filters-Applied
// needs no handling.
func isReferrersRequest(request *http.Request) bool {
	return strings.Contains(request.URL.Path, "/referrers/")
}

// readPages returns the whole list whose first page is given; that page unchanged where it
// is the only one. The error wraps ErrMalformed where a page is on another host, or pages
// repeat or exceed maxPages. A registry that does so could hide signatures anyway, but it
// cannot forge one.
func (t *cachingTransport) readPages(request *http.Request, page *http.Response, body []byte) ([]byte, error) {
	next, err := nextPage(request.URL, page)
	if next == nil || err != nil {
		return body, err
	}
	var list v1.IndexManifest
	seen := map[string]bool{}
	for size := len(body); ; size += len(body) {
		if size > maxResponseBytes {
			return nil, errResponseTooLarge
		}
		if err := appendPage(&list, body); err != nil {
			return nil, err
		}
		if next == nil {
			return json.Marshal(list)
		}
		seen[request.URL.String()] = true
		if seen[next.String()] || len(seen) == maxPages {
			return nil, fmt.Errorf("%w: list of referrers: a page repeats, or there are more than %d pages", ErrMalformed, maxPages)
		}
		request = request.Clone(request.Context())
		request.URL = next
		if next, body, err = t.fetchPage(request); err != nil {
			return nil, err
		}
	}
}

// fetchPage fetches one page, and returns the URL of the next one, or nil.
func (t *cachingTransport) fetchPage(request *http.Request) (*url.URL, []byte, error) {
	page, body, err := t.fetch(request)
	if err != nil {
		return nil, nil, err
	}
	if body != nil { // already read and closed
		page.Body = io.NopCloser(bytes.NewReader(body))
	}
	if err := checkStatus(page, http.StatusOK); err != nil {
		return nil, nil, fmt.Errorf("list of referrers: next page: %w", err)
	}
	next, err := nextPage(request.URL, page)
	return next, body, err
}

// appendPage adds the manifests of a page to the list. The other fields are those of the
// last page.
func appendPage(list *v1.IndexManifest, body []byte) error {
	var page v1.IndexManifest
	if err := checkShape(body); err != nil {
		return fmt.Errorf("list of referrers: %w", err)
	}
	if err := json.Unmarshal(body, &page); err != nil {
		return fmt.Errorf("%w: list of referrers: %w", ErrMalformed, err)
	}
	page.Manifests = append(list.Manifests, page.Manifests...)
	*list = page
	return nil
}

// nextLink matches the target of a Link header with rel=next (RFC 8288, section 3).
var nextLink = regexp.MustCompile(`(?i)<([^>]*)>[^<]*;\s*rel\s*=\s*"?([^"<,;]*\s)?next\b`)

// nextPage returns the URL of the next page, or nil. It must have the scheme and the host
// of this page, so that a response cannot direct requests elsewhere.
func nextPage(current *url.URL, page *http.Response) (*url.URL, error) {
	match := nextLink.FindStringSubmatch(strings.Join(page.Header.Values("Link"), ", "))
	if match == nil {
		return nil, nil
	}
	next, err := current.Parse(match[1])
	if err != nil || next.Scheme != current.Scheme || next.Host != current.Host || next.User != nil {
		return nil, fmt.Errorf("%w: list of referrers: next page %.200q is not at %s://%s",
			ErrMalformed, match[1], current.Scheme, current.Host)
	}
	return next, nil
}
