package component

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// Times after which a registry counts as gone.
const (
	connectTimeout = 10 * time.Second
	headerTimeout  = 30 * time.Second // from the request to the first byte of the answer
	stallTimeout   = 30 * time.Second // without a byte of a layer
	AskTimeout     = 2 * time.Minute  // all questions about one component, its layers not counted
)

// Bounds of what a registry answers.
const (
	maxAnswerBytes = 16 << 20 // layers not counted: those have their size in the manifest; an SBOM may be this large
	maxHops        = 8        // redirects of one question; registries need one or two
	maxCertBytes   = 1 << 20
)

// userAgent is how we call ourselves.
const userAgent = "linuxkit-action"

// roundTripper returns the way to all registries: patient, and bounded in what it takes.
func (r *Registry) roundTripper() http.RoundTripper {
	r.once.Do(func() {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.DialContext = (&net.Dialer{Timeout: connectTimeout}).DialContext
		t.ResponseHeaderTimeout = headerTimeout
		t.MaxIdleConnsPerHost = fetchesAtOnce
		t.DisableCompression = true // digests and ranges are of the bytes as they are
		if r.Roots != nil {
			t.TLSClientConfig = &tls.Config{RootCAs: r.Roots, MinVersion: tls.VersionTLS12}
		}
		r.transport = transport.NewUserAgent(led{patient{bounded{t}}}, userAgent)
	})
	return r.transport
}

// Roots returns the system's certificate authorities and those in the files, in PEM; nil,
// which means the system's, where no file is named.
func Roots(files []string) (*x509.CertPool, error) {
	if len(files) == 0 {
		return nil, nil
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool() // a machine without any
	}
	for _, file := range files {
		pem, err := readCerts(file)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrCertificates, err)
		}
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%w: %s has no certificate in PEM", ErrCertificates, file)
		}
	}
	return pool, nil
}

func readCerts(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxCertBytes))
}

// origin returns the request that redirects have led away from, and how many they were.
func origin(request *http.Request) (*http.Request, int) {
	hops := 0
	for request.Response != nil && request.Response.Request != nil {
		request = request.Response.Request
		hops++
	}
	return request, hops
}

// led follows redirects, but not in circles, and not from outside to an address inside
// our own network. It stands below the HTTP clients, for go-containerregistry's has a
// policy of its own, and with it no limit.
type led struct{ http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (l led) RoundTrip(request *http.Request) (*http.Response, error) {
	first, hops := origin(request)
	if hops > maxHops {
		return nil, fmt.Errorf("%w: more than %d redirects, the last to %s; check the registry, or the mirror", ErrMalformed, maxHops, request.URL.Redacted())
	}
	if inside(request.URL.Hostname()) && !inside(first.URL.Hostname()) {
		return nil, fmt.Errorf("%w: %s redirects to %s, an address inside this network", ErrMalformed, first.URL.Host, request.URL.Host)
	}
	return l.RoundTripper.RoundTrip(request)
}

// inside reports whether a host is an address that has a meaning here only, such as that
// of a cloud's metadata service.
func inside(host string) bool {
	address, err := netip.ParseAddr(host)
	if err != nil {
		return host == "localhost"
	}
	address = address.Unmap()
	return address.IsPrivate() || address.IsLoopback() || address.IsLinkLocalUnicast() || address.IsUnspecified()
}

// bounded cuts off answers that are no blob and do not end. A blob stays one when the
// registry sends us elsewhere for it.
type bounded struct{ http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (b bounded) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := b.RoundTripper.RoundTrip(request)
	if first, _ := origin(request); err == nil && !strings.Contains(first.URL.Path, "/blobs/") {
		response.Body = &boundedBody{response.Body, maxAnswerBytes}
	}
	return response, err
}

type boundedBody struct {
	io.ReadCloser
	left int64
}

var errEndless = fmt.Errorf("%w: an answer of more than %d MiB", ErrMalformed, maxAnswerBytes>>20)

func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errEndless
	}
	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}
