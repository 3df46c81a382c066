package component

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/org/linuxkit-action/internal/progress"
)

// fetch returns a layer, open and whole, from the cache or else the registry.
func (c *Component) fetch(ctx context.Context, cache *Cache, d v1.Descriptor, task progress.Task) (*os.File, error) {
	if f, ok := cache.open(d); ok {
		task.Add(d.Size)
		return f, nil
	}
	f, err := c.download(ctx, cache, d, task)
	if err != nil {
		return nil, fmt.Errorf("layer %s: %w", d.Digest, err)
	}
	return f, nil
}

// download brings a layer into the cache, or what is missing of it since an earlier run
// was killed. What that left may be wrong; then it is fetched from the beginning, once.
func (c *Component) download(ctx context.Context, cache *Cache, d v1.Descriptor, task progress.Task) (*os.File, error) {
	blob, err := cache.ingest(d)
	if err != nil {
		return nil, err
	}
	task.Add(blob.size)
	f, err := c.complete(ctx, blob, task)
	if blob.inherited && (errors.Is(err, ErrDigest) || errors.Is(err, ErrMalformed)) {
		task.Add(-blob.size)
		if err = blob.restart(); err == nil {
			f, err = c.complete(ctx, blob, task)
		}
	}
	if err != nil {
		blob.leave(err)
	}
	return f, err
}

// complete fetches what is missing of a blob, and gives it its place. When the connection
// breaks it asks for the rest; that the registry does not answer at all is the
// transport's to mend.
func (c *Component) complete(ctx context.Context, blob *ingest, task progress.Task) (*os.File, error) {
	for attempt := 1; blob.size < blob.d.Size; attempt++ {
		err := c.transfer(ctx, blob, task)
		if err == nil {
			break
		}
		if !errors.Is(err, errBrokenOff) || attempt == transfers || wait(ctx, backoff(attempt)) != nil {
			return nil, err
		}
	}
	return blob.commit()
}

// transfers is how many connections may be spent on one layer.
const transfers = 10

// errBrokenOff is a transfer that can be resumed.
var errBrokenOff = fmt.Errorf("%w: the transfer broke off", ErrUnavailable)

// transfer asks for what is missing of a blob, and takes it.
func (c *Component) transfer(ctx context.Context, blob *ingest, task progress.Task) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	response, err := c.get(ctx, blob.d, blob.size)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusPartialContent {
		if err := checkRange(response.Header.Get("Content-Range"), blob); err != nil {
			return err
		}
	} else if blob.size > 0 { // it sends everything again
		task.Add(-blob.size)
		if err := blob.restart(); err != nil {
			return err
		}
	}
	watched := newWatchdog(ctx, response.Body, cancel)
	defer watched.stop()
	err = blob.take(progress.Reader(watched, task))
	if errors.Is(err, errBrokenOff) && blob.size >= blob.d.Size {
		return nil // only the end of the answer was lost
	}
	return err
}

// checkRange holds what a registry says it sends (RFC 9110, section 14.4) against what
// is missing: the bytes from those we have to the end, of a blob of the right size.
func checkRange(header string, blob *ingest) error {
	for _, total := range []string{fmt.Sprint(blob.d.Size), "*"} {
		if header == fmt.Sprintf("bytes %d-%d/%s", blob.size, blob.d.Size-1, total) {
			return nil
		}
	}
	return fmt.Errorf("%w: asked for the bytes from %d to %d, the registry sends %q", ErrMalformed, blob.size, blob.d.Size-1, header)
}

// get asks for a blob, from a byte on. The body is not checked here: the cache hashes it
// against the descriptor of the manifest, whatever the registry says of its size.
func (c *Component) get(ctx context.Context, d v1.Descriptor, from int64) (*http.Response, error) {
	request, err := c.memory.next.request(ctx, "blobs", d.Digest.String())
	if err != nil {
		return nil, err
	}
	fine := []int{http.StatusOK}
	if from > 0 {
		request.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", from, d.Size-1))
		fine = append(fine, http.StatusPartialContent)
	}
	response, err := (&http.Client{Transport: c.memory.next}).Do(request)
	if err != nil {
		return nil, Classify(err)
	}
	return response, expect(response, fine...)
}

// watchdog reads a transfer, and ends it when no byte comes for stallTimeout. Whatever
// ends it early can be resumed, but for the user's wish.
type watchdog struct {
	ctx   context.Context
	r     io.Reader
	timer *time.Timer
}

var errStalled = fmt.Errorf("%w: no byte of the layer came for %s", errBrokenOff, stallTimeout)

func newWatchdog(ctx context.Context, r io.Reader, cancel context.CancelCauseFunc) *watchdog {
	return &watchdog{ctx, r, time.AfterFunc(stallTimeout, func() { cancel(errStalled) })}
}

func (w *watchdog) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	w.timer.Reset(stallTimeout)
	switch {
	case err == nil, errors.Is(err, io.EOF):
		return n, err
	case w.ctx.Err() != nil:
		return n, context.Cause(w.ctx)
	}
	return n, fmt.Errorf("%w: %w", errBrokenOff, err)
}

func (w *watchdog) stop() { w.timer.Stop() }
