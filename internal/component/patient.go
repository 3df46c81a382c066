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

// How a question is asked again.
const (
	attempts     = 5
	firstPause   = 200 * time.Millisecond // doubled each time
	longestPause = 5 * time.Second
	longestWait  = 30 * time.Second // that a registry may ask for
)

// patient asks again where a fault may pass: the registry is busy (408, 429), does not
// feel well (5xx), or the connection breaks before it answers.
type patient struct{ http.RoundTripper }

// RoundTrip implements http.RoundTripper. A registry that asks for more time than there
// is gives an error that wraps ErrUnavailable.
func (p patient) RoundTrip(request *http.Request) (*http.Response, error) {
	for attempt := 1; ; attempt++ {
		response, err := p.RoundTripper.RoundTrip(request)
		if attempt == attempts || !passing(request, response, err) {
			return response, err
		}
		pause := pauseAfter(attempt, response, time.Now())
		if response != nil {
			_, _ = io.CopyN(io.Discard, response.Body, 64<<10) // so that the connection is used again
			response.Body.Close()
		}
		if deadline, ok := request.Context().Deadline(); pause > longestWait || ok && time.Until(deadline) < pause {
			return nil, fmt.Errorf("%w: %s asks to be left alone for %s; try again then", ErrUnavailable, request.URL.Host, pause.Round(time.Second))
		}
		if err := wait(request.Context(), pause); err != nil {
			return nil, err
		}
	}
}

// passing reports whether to ask again is safe, and may help. A connection that is
// refused is not asked again: nobody is there.
func passing(request *http.Request, response *http.Response, err error) bool {
	if request.Method != http.MethodGet && request.Method != http.MethodHead || request.Context().Err() != nil {
		return false
	}
	if err == nil {
		return retried(response.StatusCode)
	}
	var network net.Error
	var lookup *net.DNSError
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) ||
		errors.As(err, &network) && network.Timeout() || errors.As(err, &lookup) && lookup.IsTemporary
}

// retried reports whether an answer says to come again.
func retried(status int) bool {
	return status == http.StatusRequestTimeout || status == http.StatusTooManyRequests || status >= 500
}

// backoff says how long to wait before asking again: longer each time, and never the same
// for two who failed together.
func backoff(attempt int) time.Duration {
	pause := min(firstPause<<min(attempt-1, 10), longestPause)
	return pause/2 + rand.N(pause)
}

// pauseAfter is backoff, or more if the registry asks for it.
func pauseAfter(attempt int, response *http.Response, now time.Time) time.Duration {
	if response == nil {
		return backoff(attempt)
	}
	return max(backoff(attempt), retryAfter(response.Header.Get("Retry-After"), now))
}

// retryAfter reads the header of that name (RFC 9110, section 10.2.3): seconds, or a date.
func retryAfter(value string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if date, err := http.ParseTime(value); err == nil {
		return date.Sub(now)
	}
	return 0
}

// wait sleeps, or returns early with the error of ctx.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
