package component

import (
	"fmt"
	"io"
	"net/http"
	"strings"
)

// maxResponseBytes bounds every response but blobs. Signatures may carry an SBOM.
const maxResponseBytes = 16 << 20

var errResponseTooLarge = fmt.Errorf("%w: response of more than %d MiB", ErrMalformed, maxResponseBytes>>20)

// limitTransport bounds the size of responses. Blobs are exempt, also after redirects:
// their size is in the manifest.
type limitTransport struct{ base http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (t limitTransport) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := t.base.RoundTrip(request)
	if original, _ := originalRequest(request); err == nil && !strings.Contains(original.URL.Path, "/blobs/") {
		response.Body = &limitedBody{ReadCloser: response.Body, left: maxResponseBytes}
	}
	return response, err
}

// limitedBody fails where io.LimitReader would report the end.
type limitedBody struct {
	io.ReadCloser
	left int64
}

func (b *limitedBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errResponseTooLarge
	}
	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}
