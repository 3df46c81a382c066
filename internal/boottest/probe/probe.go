// Package probe asks a guest over its forwarded ports whether it does its work.
//
// QEMU's user network accepts a connection before it has asked the guest for it. So
// that a connection succeeds proves nothing, and each probe looks for what only the
// guest can have done: an HTTP answer, a byte, or the guest's half of a connection
// that QEMU shows as established.
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
	interval = 100 * time.Millisecond // between two attempts
	attempt  = 15 * time.Second       // for one attempt; a first answer under TCG takes seconds
	maxBody  = 1 << 20                // bytes of an answer that are read
	glance   = 50 * time.Millisecond  // wait for a first byte before QEMU is asked
	settling = 2 * time.Second        // for a TCP connection to be established
)

// Until runs check until it succeeds or ctx ends, and tells each result.
func Until(ctx context.Context, check func(context.Context) error, tell func(error)) {
	for {
		one, cancel := context.WithTimeout(ctx, attempt)
		err := check(one)
		cancel()
		if ctx.Err() != nil {
			return
		}
		tell(err)
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(interval):
		}
	}
}

// client follows nothing and keeps nothing: each attempt is one connection.
var client = &http.Client{
	Transport:     &http.Transport{DisableKeepAlives: true, DisableCompression: true, MaxResponseHeaderBytes: 64 << 10},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// HTTP makes one GET request to addr and reports how the answer differs from want.
func HTTP(ctx context.Context, addr string, want spec.HTTP) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+want.Path, nil)
	if err != nil {
		return err
	}
	request.Host = net.JoinHostPort("localhost", strconv.Itoa(want.Port))
	response, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("no answer: %w", short(err))
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
		return fmt.Errorf("body: %w", short(err))
	}
	if !want.Body.Match(body) {
		return fmt.Errorf("status %d, but nothing in the body (%d bytes) matches %q", response.StatusCode, len(body), want.Body)
	}
	return nil
}

// short takes the addresses off an error: they are ours, and differ from run to run.
func short(err error) error {
	var op *net.OpError
	switch {
	case errors.As(err, &op):
		return op.Err
	case errors.Is(err, io.EOF):
		return errors.New("the connection was closed")
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("none within %v", attempt)
	}
	return err
}

// TCP connects to addr and reports why that does not prove that the guest accepts. It
// is proved by a byte from the guest, or by established, which asks QEMU for the
// guest's half of the connection. A connection that is closed at once proves the
// contrary. It says nothing about who listens, or whether that one is well.
func TCP(ctx context.Context, addr string, established func(context.Context) (bool, error)) error {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		return short(err)
	}
	defer conn.Close()
	for end := time.Now().Add(settling); time.Now().Before(end) && ctx.Err() == nil; {
		_ = conn.SetReadDeadline(time.Now().Add(glance))
		n, err := conn.Read(make([]byte, 1))
		if n > 0 {
			return nil
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return errors.New("the guest refuses the connection")
		}
		if yes, err := established(ctx); yes || err != nil {
			return err
		}
	}
	return errors.New("the guest does not answer")
}
