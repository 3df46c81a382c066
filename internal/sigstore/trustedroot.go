package sigstore

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/org/linuxkit-action/internal/component"
	"github.com/org/linuxkit-action/internal/markup"
	"github.com/org/linuxkit-action/internal/network"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/tuf"
	"github.com/theupdateframework/go-tuf/v2/metadata"
	"github.com/theupdateframework/go-tuf/v2/metadata/fetcher"
)

// How files of the TUF repository are requested.
const (
	tufAttempts = 3
	tufBackoff  = time.Second / 2  // before the second attempt; doubled before the third
	tufTimeout  = 30 * time.Second // of one file
)

// useFile is the remedy that needs no network.
const useFile = "set trustedRoot: FILE in the policy"

// ErrTrustedRoot is wrapped by the error for a trusted root that TUF rejects: signed with
// other keys, modified, rolled back or expired.
var ErrTrustedRoot = errors.New("trusted root rejected")

// TrustedRoot provides the certificate authorities, transparency logs and timestamp
// authorities that are trusted. The zero value fetches Sigstore's own by TUF when they are
// first needed. It is safe for concurrent use.
type TrustedRoot struct {
	options func() (*tuf.Options, error) // nil for tufOptions

	mu       sync.Mutex
	material root.TrustedMaterial
}

// Parse sets the content of a trusted_root.json (sigstore/protobuf-specs,
// sigstore_trustroot.proto). Nothing is fetched then.
func (r *TrustedRoot) Parse(content []byte) error {
	material, err := root.NewTrustedRootFromJSON(content)
	if err != nil {
		return fmt.Errorf("not a trusted root: %w; create one with cosign trusted-root create", err)
	}
	r.material = material
	return nil
}

// Material returns the content of the parsed file, or else of the TUF repository. The
// error wraps component.ErrUnavailable, component.ErrOffline or ErrTrustedRoot.
func (r *TrustedRoot) Material(ctx context.Context, offline bool) (root.TrustedMaterial, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.material != nil {
		return r.material, nil
	}
	configure := r.options
	if configure == nil {
		configure = tufOptions
	}
	options, err := configure()
	if err != nil {
		return nil, err
	}
	material, err := fetch(ctx, options, offline)
	if err != nil {
		return nil, err
	}
	r.material = material
	return material, nil
}

// fetch updates Sigstore's trusted root by TUF (theupdateframework.io) through the cache
// that cosign uses. It is requested once a day.
func fetch(ctx context.Context, options *tuf.Options, offline bool) (root.TrustedMaterial, error) {
	client := fetcher.NewDefaultFetcher()
	client.SetHTTPClient(&http.Client{Transport: retryTransport(ctx, offline), Timeout: tufTimeout})
	options = options.WithFetcher(client).WithCacheValidity(1)
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
		return nil, fmt.Errorf("%w: Sigstore's trusted root is expired or not cached; %s", component.ErrOffline, useFile)
	case temporary(err):
		return nil, fmt.Errorf("fetch trusted root: %w; try again, or %s", Unavailable(markup.Line(err.Error())), useFile)
	}
	return nil, fmt.Errorf("%w: %s: %s", ErrTrustedRoot, options.RepositoryBaseURL, rejection(err, options.CachePath))
}

// rejection returns cause and remedy.
func rejection(err error, cache string) string {
	cause := markup.Line(err.Error())
	if errors.Is(err, &metadata.ErrExpiredMetadata{}) {
		return "metadata expired (" + cause + "): the mirror is stale, or the local clock is wrong; " + useFile
	}
	return cause + "; remove the cache " + cache + " if the mirror is intact, or " + useFile
}

// roundTripperFunc is a function that implements http.RoundTripper.
type roundTripperFunc func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (f roundTripperFunc) RoundTrip(request *http.Request) (*http.Response, error) { return f(request) }

// retryTransport repeats requests that fail temporarily, until ctx ends: TUF's client has
// no context. Offline it fails with component.ErrOffline.
func retryTransport(ctx context.Context, offline bool) http.RoundTripper {
	base := network.NewPools(network.DefaultTransport()).Transport("")
	return roundTripperFunc(func(request *http.Request) (*http.Response, error) {
		if offline {
			return nil, component.ErrOffline
		}
		for attempt := 1; ; attempt++ {
			response, err := base.RoundTrip(request.WithContext(ctx))
			retry := err != nil || temporaryStatus(response.StatusCode)
			if !retry || attempt == tufAttempts || ctx.Err() != nil {
				return response, err
			}
			if err == nil {
				response.Body.Close()
			}
			select {
			case <-ctx.Done():
				return nil, ctx.Err()
			case <-time.After(tufBackoff << (attempt - 1)):
			}
		}
	})
}
