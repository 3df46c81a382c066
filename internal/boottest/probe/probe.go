// Package probe checks over forwarded ports whether the services of a guest respond.
//
// QEMU's user network accepts a connection before the guest does, so an accepted
// connection proves nothing. Each probe requires something that only the guest can do:
// an HTTP response, a byte of data, or the guest's half of a connection that QEMU lists
// as established.
package probe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/org/linuxkit-action/internal/boottest/spec"
)

const (
	retryInterval    = 100 * time.Millisecond // between two attempts
	attemptTimeout   = 15 * time.Second       // of one attempt; a first response under TCG takes seconds
	maxBody          = 1 << 20                // bytes of a response that are read
	readTimeout      = 50 * time.Millisecond  // for a first byte, before QEMU's list of connections is read
	establishTimeout = 2 * time.Second        // for the guest to accept a TCP connection
)

// Poll runs check until it succeeds or ctx ends, and calls handle with each result.
func Poll(ctx context.Context, check func(context.Context) error, handle func(error)) {
	for {
		attempt, cancel := context.WithTimeout(ctx, attemptTimeout)
		err := check(attempt)
		cancel()
		if ctx.Err() != nil {
			return
		}
		handle(err)
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(retryInterval):
		}
	}
}

// client follows no redirects and keeps no connections: each attempt is one request on
// one connection.
var client = &http.Client{
	Transport:     &http.Transport{DisableKeepAlives: true, DisableCompression: true, MaxResponseHeaderBytes: 64 << 10},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// HTTP sends one GET request to addr and returns how the response differs from want.
func HTTP(ctx context.Context, addr string, want spec.HTTP) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+want.Path, nil)
	if err != nil {
		return err
	}
	request.Host = net.JoinHostPort("localhost", strconv.Itoa(want.Port))
	response, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("no response: %w", withoutAddress(err))
	}
	defer response.Body.Close()
	if response.StatusCode != want.Status {
		return fmt.Errorf("status %d, not %d", response.StatusCode, want.Status)
	}
	if want.Body == nil {
		return nil
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody))
	if err != nil {
		return fmt.Errorf("body: %w", withoutAddress(err))
	}
	if !want.Body.Match(body) {
		return fmt.Errorf("status %d, but the body (%d bytes) does not match %q", response.StatusCode, len(body), want.Body)
	}
	return nil
}

// withoutAddress removes the addresses from an error. They belong to the host and differ
// in every run.
func withoutAddress(err error) error {
	var op *net.OpError
	switch {
	case errors.As(err, &op):
		return op.Err
	case errors.Is(err, io.EOF):
		return errors.New("connection closed")
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("timed out after %v", attemptTimeout)
	}
	return err
}

// TCP connects to addr and returns nil if the guest has accepted the connection: a byte
// arrives, or established reports that QEMU lists the guest's half of the connection. A
// connection that is closed at once was refused. It does not check the service behind
// the port.
func TCP(ctx context.Context, addr string, established func(context.Context) (bool, error)) error {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		return withoutAddress(err)
	}
	defer conn.Close()
	for end := time.Now().Add(establishTimeout); time.Now().Before(end) && ctx.Err() == nil; {
		_ = conn.SetReadDeadline(time.Now().Add(readTimeout))
		n, err := conn.Read(make([]byte, 1))
		if n > 0 {
			return nil
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return errors.New("connection refused by the guest")
		}
		if accepted, err := established(ctx); accepted || err != nil {
			return err
		}
	}
	return errors.New("no response from the guest")
}
