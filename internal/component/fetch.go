package component

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/org/linuxkit-action/internal/progress"
)

// attempts is how often a layer is asked for when the connection breaks.
const attempts = 3

// fetch returns a layer, open and whole, from the cache or else the registry.
func (c *Component) fetch(ctx context.Context, cache *Cache, d v1.Descriptor, task progress.Task) (*os.File, error) {
	if f, ok := cache.open(d); ok {
		task.Add(d.Size)
		return f, nil
	}
	var err error
	for attempt := range attempts {
		var f *os.File
		if f, err = c.download(ctx, cache, d, task); err == nil {
			return f, nil
		}
		if errors.Is(err, ErrDigest) || errors.Is(err, ErrNotFound) || ctx.Err() != nil {
			break
		}
		if wait(ctx, time.Second<<attempt) != nil {
			break
		}
	}
	return nil, fmt.Errorf("layer %s: %w", d.Digest, err)
}

func (c *Component) download(ctx context.Context, cache *Cache, d v1.Descriptor, task progress.Task) (*os.File, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	body, err := c.get(ctx, d.Digest)
	if err != nil {
		return nil, Classify(err)
	}
	defer body.Close()
	watched := newWatchdog(body, cancel)
	defer watched.stop()
	f, err := cache.add(d, progress.Reader(watched, task))
	if err != nil && context.Cause(ctx) != nil {
		return nil, context.Cause(ctx)
	}
	return f, Classify(err)
}

// get asks for a blob. The body is not checked here: the cache hashes it against
// the descriptor of the manifest, whatever the registry says of its size.
func (c *Component) get(ctx context.Context, digest v1.Hash) (io.ReadCloser, error) {
	client, err := c.client(ctx)
	if err != nil {
		return nil, err
	}
	address := url.URL{
		Scheme: c.repository.Scheme(), Host: c.repository.RegistryStr(),
		Path: "/v2/" + c.repository.RepositoryStr() + "/blobs/" + digest.String(),
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), nil)
	if err != nil {
		return nil, err
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	if err := transport.CheckError(response, http.StatusOK); err != nil {
		response.Body.Close()
		return nil, err
	}
	return response.Body, nil
}

// client returns an HTTP client that is logged in for pulling.
func (c *Component) client(ctx context.Context) (*http.Client, error) {
	auth, err := authn.Resolve(ctx, authn.DefaultKeychain, c.repository)
	if err != nil {
		return nil, err
	}
	scopes := []string{c.repository.Scope(transport.PullScope)}
	rt, err := transport.NewWithContext(ctx, c.repository.Registry, auth, c.registry.roundTripper(), scopes)
	if err != nil {
		return nil, err
	}
	return &http.Client{Transport: rt}, nil
}

// watchdog cancels a transfer that brings no byte for stallTimeout.
type watchdog struct {
	r     io.Reader
	timer *time.Timer
}

var errStalled = fmt.Errorf("%w: no byte of the layer came for %s", ErrUnavailable, stallTimeout)

func newWatchdog(r io.Reader, cancel context.CancelCauseFunc) *watchdog {
	return &watchdog{r, time.AfterFunc(stallTimeout, func() { cancel(errStalled) })}
}

func (w *watchdog) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	w.timer.Reset(stallTimeout)
	return n, err
}

func (w *watchdog) stop() { w.timer.Stop() }

// wait sleeps, or returns early with the error of ctx.
func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
