package component

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/org/linuxkit-action/internal/network"
)

// Timeouts of requests to registries.
const (
	headerTimeout = 30 * time.Second // from the request to the header of the response
	stallTimeout  = 30 * time.Second // without a byte of a layer

	// The floor of speed of a layer. A transfer that is slower in a window ends.
	minSpeed    = 1 << 10 // bytes/s
	speedWindow = 30 * time.Second

	// MetadataTimeout bounds all requests for one component, those for layers excepted.
	MetadataTimeout = 2 * time.Minute
)

const (
	maxCertBytes = 1 << 20
	userAgent    = "linuxkit-action"
)

// connections returns the pools of connections to all registries.
func (r *Registry) connections() *network.Pools {
	r.once.Do(func() {
		t := network.DefaultTransport()
		t.ResponseHeaderTimeout = headerTimeout
		t.MaxIdleConnsPerHost = maxConcurrent
		t.DisableCompression = true // digests and ranges refer to the bytes as stored
		if r.RootCAs != nil {
			t.TLSClientConfig = &tls.Config{RootCAs: r.RootCAs, MinVersion: tls.VersionTLS12}
		}
		r.pools = network.NewPools(t)
	})
	return r.pools
}

// roundTripper returns the transport to the registry of a repository, and to the hosts that
// it refers to, without authentication.
func (r *Registry) roundTripper(repository name.Repository) http.RoundTripper {
	base := r.connections().Transport(repository.RegistryStr())
	limited := limitTransport{credentialPolicy{base: base, registry: repository.Registry}}
	return transport.NewUserAgent(redirectPolicy{retryTransport{limited}}, userAgent)
}

// LoadRootCAs returns the system's certificate authorities and those in the PEM files; nil,
// which stands for the system's, without files. Errors wrap ErrCertificates.
func LoadRootCAs(files []string) (*x509.CertPool, error) {
	if len(files) == 0 {
		return nil, nil
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool() // the system has none
	}
	for _, file := range files {
		pem, err := readFile(file, maxCertBytes)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrCertificates, err)
		}
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%w: %s has no certificate in PEM", ErrCertificates, file)
		}
	}
	return pool, nil
}
