package verify

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/org/linuxkit-action/internal/component"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/tuf"
	"github.com/theupdateframework/go-tuf/v2/metadata"
	"github.com/theupdateframework/go-tuf/v2/metadata/fetcher"
)

// maxRootBytes bounds a trusted root. Sigstore's own has 7 KiB.
const maxRootBytes = 4 << 20

// Patience with Sigstore.
const (
	sigstoreAttempts = 3
	sigstorePause    = time.Second / 2  // before the second attempt; the next waits twice as long
	sigstoreTimeout  = 30 * time.Second // of one question
)

// ErrAuthorities is wrapped by the error for a trusted root that TUF does not vouch for:
// signed by others, tampered with, rolled back or out of date.
var ErrAuthorities = errors.New("cannot trust the trusted root")

// authorities is whom the policy believes about certificates, log entries and times.
type authorities struct {
	mu       sync.Mutex
	material root.TrustedMaterial
}

// load reads a trusted_root.json (sigstore/protobuf-specs, sigstore_trustroot.proto).
func (a *authorities) load(path string) error {
	text, err := readSmall(path, maxRootBytes)
	if err != nil {
		return err
	}
	material, err := root.NewTrustedRootFromJSON(text)
	if err != nil {
		return fmt.Errorf("%s is no trusted root: %w; cosign trusted-root create makes one", path, err)
	}
	a.material = material
	return nil
}

// get returns the material: that of the file, or that of the mirror, which is asked for
// it the first time it is needed.
func (a *authorities) get(ctx context.Context, mirror func() (*tuf.Options, error), offline bool) (root.TrustedMaterial, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.material != nil {
		return a.material, nil
	}
	options, err := mirror()
	if err != nil {
		return nil, err
	}
	material, err := fetchRoot(ctx, options, offline)
	if err != nil {
		return nil, err
	}
	a.material = material
	return material, nil
}

// fetchRoot brings Sigstore's trusted root by TUF (theupdateframework.io), through the
// cache that cosign has as well. It is refreshed once a day. The error wraps
// component.ErrUnavailable, component.ErrOffline, or ErrAuthorities.
func fetchRoot(ctx context.Context, options *tuf.Options, offline bool) (root.TrustedMaterial, error) {
	inner := fetcher.NewDefaultFetcher()
	inner.SetHTTPClient(&http.Client{Transport: patience{ctx, offline}, Timeout: sigstoreTimeout})
	options = options.WithFetcher(inner).WithCacheValidity(1)
	if offline {
		options = options.WithForceCache()
	}
	material, err := root.FetchTrustedRootWithOptions(options)
	switch {
	case err == nil:
		return material, nil
	case errors.Is(ctx.Err(), context.Canceled):
		return nil, ctx.Err()
	case offline:
		return nil, fmt.Errorf("%w: Sigstore's trusted root is not cached, or out of date; name one in the policy: trustedRoot: FILE", component.ErrOffline)
	}
	if unanswered(err) {
		//lint:ignore ST1005 Sigstore is a name
		return nil, fmt.Errorf("Sigstore cannot be reached for its trusted root: %w; try again, or name one in the policy: trustedRoot: FILE", outage(printable(err.Error())))
	}
	return nil, fmt.Errorf("%w: %s: %s", ErrAuthorities, options.RepositoryBaseURL, doubt(err, options))
}

// unanswered reports whether nobody answered, or not well. All else is about who answers,
// or what the answers, or the cache, say.
func unanswered(err error) bool {
	var stranger *tls.CertificateVerificationError
	if errors.As(err, &stranger) {
		return false
	}
	var answer *metadata.ErrDownloadHTTP
	if errors.As(err, &answer) {
		return unwell(answer.StatusCode)
	}
	var asked *url.Error
	var broken net.Error
	var disk *fs.PathError
	return errors.As(err, &asked) || errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &broken) && !errors.As(err, &disk)
}

// unwell reports whether an answer says to come again.
func unwell(status int) bool {
	return status == http.StatusRequestTimeout || status == http.StatusTooManyRequests || status >= 500
}

// doubt tells the cause and the remedy.
func doubt(err error, options *tuf.Options) string {
	cause := printable(err.Error())
	if errors.Is(err, &metadata.ErrExpiredMetadata{}) {
		return "it is out of date (" + cause + "): the mirror is not kept up, or is held back, or the clock here is wrong; name a trusted root in the policy: trustedRoot: FILE"
	}
	return cause + "; if the mirror is sound remove the cache " + options.CachePath + ", or name a trusted root in the policy: trustedRoot: FILE"
}

// outage tells why somebody could not be asked. It is of the kind of
// component.ErrUnavailable, without its words, which are about a registry.
type outage string

// Error tells the cause.
func (o outage) Error() string { return string(o) }

// Unwrap returns the kind.
func (outage) Unwrap() error { return component.ErrUnavailable }

// patience asks Sigstore again where a fault may pass.
type patience struct {
	ctx     context.Context // TUF's client has none
	offline bool
}

// RoundTrip implements http.RoundTripper.
func (p patience) RoundTrip(request *http.Request) (*http.Response, error) {
	if p.offline {
		return nil, component.ErrOffline
	}
	for attempt := 1; ; attempt++ {
		response, err := http.DefaultTransport.RoundTrip(request.WithContext(p.ctx))
		passing := err != nil || unwell(response.StatusCode)
		if !passing || attempt == sigstoreAttempts || p.ctx.Err() != nil {
			return response, err
		}
		if err == nil {
			response.Body.Close()
		}
		select {
		case <-p.ctx.Done():
			return nil, p.ctx.Err()
		case <-time.After(sigstorePause << (attempt - 1)):
		}
	}
}
