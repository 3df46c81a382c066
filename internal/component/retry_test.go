package component

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestRetriesTemporaryFaults(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		respond  respondFunc
		requests int
		delay    time.Duration // at least, before the first retry
	}{
		"503 twice":           {respond: withStatus(http.StatusServiceUnavailable, 2, ""), requests: 3, delay: minBackoff / 2},
		"502":                 {respond: withStatus(http.StatusBadGateway, 1, ""), requests: 2, delay: minBackoff / 2},
		"408":                 {respond: withStatus(http.StatusRequestTimeout, 1, ""), requests: 2, delay: minBackoff / 2},
		"429 and Retry-After": {respond: withStatus(http.StatusTooManyRequests, 1, "1"), requests: 2, delay: time.Second},
		"broken connection":   {respond: brokenConnection(2), requests: 3, delay: minBackoff / 2},
		"no response":         {respond: noResponse, requests: 2},
	} {
		for _, match := range []string{"/manifests/", "/blobs/LAYER"} {
			t.Run(match+" "+name, func(t *testing.T) {
				t.Parallel()
				i := &interceptor{match: match, respond: tt.respond}
				if _, err := pull(t, i, 5000); err != nil {
					t.Fatal(err)
				}
				if len(i.requests) != tt.requests {
					t.Fatalf("%d requests, want %d", len(i.requests), tt.requests)
				}
				if delay := i.requests[1].at.Sub(i.requests[0].at); delay < tt.delay {
					t.Errorf("retried after %s, want at least %s", delay, tt.delay)
				}
			})
		}
	}
}

func TestReportsPermanentFaults(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		match    string
		respond  respondFunc
		want     error
		text     string
		requests int // at most
	}{
		"Retry-After of an hour": {
			match: "/manifests/", respond: withStatus(http.StatusTooManyRequests, 99, "3600"),
			want: ErrUnavailable, text: "is rate limited or overloaded; retry in 1h0m0s", requests: 1,
		},
		"500 on every attempt": {
			match: "/manifests/", respond: withStatus(http.StatusInternalServerError, 99, ""),
			want: ErrUnavailable, text: "500", requests: maxAttempts,
		},
		"410": {
			match: "/blobs/", respond: withStatus(http.StatusGone, 99, ""),
			want: ErrMalformed, text: "410", requests: 1,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := &interceptor{match: tt.match, respond: tt.respond}
			_, err := pull(t, i, 5000)
			if !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.text) || len(i.requests) > tt.requests {
				t.Errorf("%d requests, got %v", len(i.requests), err)
			}
		})
	}
}

func TestParsesRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"7": 7 * time.Second, "": 0, "soon": 0, "-5": 0, "99999999999999999999": 0, "1.5": 0,
		"Wed, 02 Jan 2030 03:04:35 GMT": 30 * time.Second,
	} {
		if got := retryAfter(value, now); got != want {
			t.Errorf("%q: %s, want %s", value, got, want)
		}
	}
}

func TestBackoffIsBounded(t *testing.T) {
	t.Parallel()
	for attempt := range 40 {
		if got := backoff(attempt + 1); got < minBackoff/2 || got > 2*maxBackoff {
			t.Errorf("attempt %d: %s", attempt+1, got)
		}
	}
}
