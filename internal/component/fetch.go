package component

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/org/linuxkit-action/internal/progress"
)

// maxTransfers is how many connections one layer may take.
const maxTransfers = 10

// errInterrupted is a transfer that can be resumed.
var errInterrupted = fmt.Errorf("%w: transfer interrupted", ErrUnavailable)

// openLayer returns a verified layer, from the cache or the registry. The caller closes it.
func (c *Component) openLayer(ctx context.Context, cache *Cache, d v1.Descriptor, task progress.Task) (*os.File, error) {
	if f, ok := cache.openBlob(d); ok {
		task.Add(d.Size)
		return f, nil
	}
	f, err := c.download(ctx, cache, d, task)
	if err != nil {
		return nil, fmt.Errorf("layer %s: %w", d.Digest, err)
	}
	return f, nil
}

// download fetches a layer into the cache. It resumes the download of an earlier run; where
// the result is wrong it starts again, once.
func (c *Component) download(ctx context.Context, cache *Cache, d v1.Descriptor, task progress.Task) (*os.File, error) {
	if err := c.budget().Disk(d.Size); err != nil {
		return nil, err
	}
	w, err := cache.newWriter(d)
	if err != nil {
		return nil, err
	}
	task.Add(w.offset)
	f, err := c.fill(ctx, w, task)
	if w.resume && (errors.Is(err, ErrDigest) || errors.Is(err, ErrMalformed)) {
		task.Add(-w.offset)
		if err = w.reset(); err == nil {
			f, err = c.fill(ctx, w, task)
		}
	}
	if err != nil {
		w.abort(err)
	}
	return f, err
}

// fill fetches the missing part of a blob and commits it. It resumes interrupted transfers;
// the transport retries requests without a response.
func (c *Component) fill(ctx context.Context, w *blobWriter, task progress.Task) (*os.File, error) {
	for attempt := 1; w.offset < w.desc.Size; attempt++ {
		err := c.transfer(ctx, w, task)
		if err == nil {
			break
		}
		if !errors.Is(err, errInterrupted) || attempt == maxTransfers || sleep(ctx, backoff(attempt)) != nil {
			return nil, err
		}
	}
	return w.commit()
}

// transfer makes one request for the missing part of a blob.
func (c *Component) transfer(ctx context.Context, w *blobWriter, task progress.Task) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	response, err := c.getBlob(ctx, w.desc, w.offset)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusPartialContent {
		if err := checkContentRange(response.Header.Get("Content-Range"), w); err != nil {
			return err
		}
	} else if w.offset > 0 { // the registry ignores the range
		task.Add(-w.offset)
		if err := w.reset(); err != nil {
			return err
		}
	}
	body := newWatchedReader(ctx, response.Body, cancel)
	defer body.stop()
	err = w.readFrom(progress.Reader(body, task))
	if errors.Is(err, errInterrupted) && w.offset >= w.desc.Size {
		return nil // all content arrived
	}
	return err
}

// checkContentRange checks that the registry sends the requested range of a blob of the
// expected size (RFC 9110, section 14.4).
func checkContentRange(header string, w *blobWriter) error {
	for _, size := range []string{fmt.Sprint(w.desc.Size), "*"} {
		if header == fmt.Sprintf("bytes %d-%d/%s", w.offset, w.desc.Size-1, size) {
			return nil
		}
	}
	return fmt.Errorf("%w: Content-Range is %q, requested were bytes %d-%d", ErrMalformed, header, w.offset, w.desc.Size-1)
}

// getBlob requests a blob from an offset on. The body is not verified.
func (c *Component) getBlob(ctx context.Context, d v1.Descriptor, offset int64) (*http.Response, error) {
	request, err := c.transport.base.newRequest(ctx, "blobs", d.Digest.String())
	if err != nil {
		return nil, err
	}
	accepted := []int{http.StatusOK}
	if offset > 0 {
		request.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", offset, d.Size-1))
		accepted = append(accepted, http.StatusPartialContent)
	}
	response, err := (&http.Client{Transport: c.transport.base}).Do(request)
	if err != nil {
		return nil, Classify(err)
	}
	return response, checkStatus(response, accepted...)
}

// watchedReader cancels a transfer after stallTimeout without a byte, and one that is
// slower than minSpeed. Its errors wrap errInterrupted, unless the run was cancelled or the
// transfer too slow: a registry could take days with it.
type watchedReader struct {
	io.Reader
	stall, speed *time.Timer
	received     atomic.Int64 // since the last check of the speed
	cause        func() error // of the cancellation, nil before
}

var (
	errStalled = fmt.Errorf("%w: no data for %s", errInterrupted, stallTimeout)
	errSlow    = fmt.Errorf("%w: less than %d bytes/s for %s; try again, or use a mirror", ErrUnavailable, minSpeed, speedWindow)
)

func newWatchedReader(ctx context.Context, r io.Reader, cancel context.CancelCauseFunc) *watchedReader {
	w := &watchedReader{Reader: r, cause: func() error { return context.Cause(ctx) }}
	w.stall = time.AfterFunc(stallTimeout, func() { cancel(errStalled) })
	w.speed = time.AfterFunc(speedWindow, func() {
		if w.received.Swap(0) < minSpeed*int64(speedWindow/time.Second) {
			cancel(errSlow)
			return
		}
		w.speed.Reset(speedWindow)
	})
	return w
}

func (w *watchedReader) stop() {
	w.stall.Stop()
	w.speed.Stop()
}

// Read implements io.Reader.
func (w *watchedReader) Read(p []byte) (int, error) {
	n, err := w.Reader.Read(p)
	w.received.Add(int64(n))
	w.stall.Reset(stallTimeout)
	if err == nil || errors.Is(err, io.EOF) {
		return n, err
	}
	if cause := w.cause(); cause != nil {
		return n, cause
	}
	return n, fmt.Errorf("%w: %w", errInterrupted, err)
}
