package component

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"syscall"
	"time"
)

// Retries of a request.
const (
	maxAttempts   = 5
	minBackoff    = 200 * time.Millisecond // doubled for each attempt
	maxBackoff    = 5 * time.Second
	maxRetryAfter = 30 * time.Second // that a registry may ask for
)

// retryTransport retries GET and HEAD requests after temporary faults: status 408, 429 and
// 5xx, timeouts, and connections that break before the response. Unlike the retry
// transport of go-containerregistry it honors Retry-After and the context.
type retryTransport struct{ base http.RoundTripper }

// RoundTrip implements http.RoundTripper. The error wraps ErrUnavailable where Retry-After
// is longer than maxRetryAfter, or than the context allows.
func (t retryTransport) RoundTrip(request *http.Request) (*http.Response, error) {
	for attempt := 1; ; attempt++ {
		response, err := t.base.RoundTrip(request)
		if attempt == maxAttempts || !retryable(request, response, err) {
			return response, err
		}
		delay := backoff(attempt)
		if response != nil {
			delay = max(delay, retryAfter(response.Header.Get("Retry-After"), time.Now()))
			_, _ = io.CopyN(io.Discard, response.Body, 64<<10) // to reuse the connection
			response.Body.Close()
		}
		if deadline, ok := request.Context().Deadline(); delay > maxRetryAfter || ok && time.Until(deadline) < delay {
			return nil, fmt.Errorf("%w: %s is rate limited or overloaded; retry in %s",
				ErrUnavailable, request.URL.Host, delay.Round(time.Second))
		}
		if err := sleep(request.Context(), delay); err != nil {
			return nil, err
		}
	}
}

// retryable reports whether a retry is safe and may help. A refused connection is not
// retried.
func retryable(request *http.Request, response *http.Response, err error) bool {
	if request.Method != http.MethodGet && request.Method != http.MethodHead || request.Context().Err() != nil {
		return false
	}
	if err == nil {
		return retryableStatus(response.StatusCode)
	}
	for _, broken := range []error{io.EOF, io.ErrUnexpectedEOF, syscall.ECONNRESET, syscall.EPIPE} {
		if errors.Is(err, broken) {
			return true
		}
	}
	var network net.Error
	var lookup *net.DNSError
	return errors.As(err, &network) && network.Timeout() || errors.As(err, &lookup) && lookup.IsTemporary
}

func retryableStatus(code int) bool {
	return code == http.StatusRequestTimeout || code == http.StatusTooManyRequests || code >= 500
}

// backoff returns the delay after an attempt, counted from 1: exponential, with 50 % jitter.
func backoff(attempt int) time.Duration {
	delay := min(minBackoff<<min(attempt-1, 10), maxBackoff)
	return delay/2 + rand.N(delay)
}

// retryAfter parses a Retry-After header (RFC 9110, section 10.2.3): seconds, or a date.
// It returns 0 for anything else.
func retryAfter(value string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if date, err := http.ParseTime(value); err == nil {
		return date.Sub(now)
	}
	return 0
}

// sleep returns after d, or earlier with the error of ctx.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
