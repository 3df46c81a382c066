package component

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"
)

// TestEndsSlowTransfers: a deadline between bytes alone lets a registry send one byte at a
// time for days.
func TestEndsSlowTransfers(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		chunk int // bytes
		every time.Duration
		want  error
	}{
		"one byte each 20 s":  {chunk: 1, every: 20 * time.Second, want: errSlow},
		"100 bytes a second":  {chunk: 100, every: time.Second, want: errSlow},
		"nothing":             {chunk: 1, every: time.Hour, want: ErrUnavailable},
		"2 KiB a second":      {chunk: 2 << 10, every: time.Second, want: io.EOF},
		"40 KiB each 29 s":    {chunk: 40 << 10, every: 29 * time.Second, want: io.EOF},
		"as fast as possible": {chunk: 1 << 20, want: io.EOF},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				r, w := io.Pipe()
				done := make(chan struct{})
				go func() {
					defer close(done)
					for range 100 {
						time.Sleep(tt.every)
						if _, err := w.Write(make([]byte, tt.chunk)); err != nil {
							return
						}
					}
					w.Close()
				}()
				context.AfterFunc(ctx, func() { r.CloseWithError(ctx.Err()) })
				watched := newWatchedReader(ctx, r, cancel)
				defer watched.stop()
				_, err := io.Copy(io.Discard, watched)
				if complete := errors.Is(tt.want, io.EOF); complete && err != nil || !complete && !errors.Is(err, tt.want) {
					t.Errorf("got %v, want %v", err, tt.want)
				}
				r.Close()
				<-done
			})
		})
	}
	if !errors.Is(errSlow, ErrUnavailable) || errors.Is(errSlow, errInterrupted) {
		t.Error("a slow transfer must not be resumed in the same run")
	}
}
