package probe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/org/linuxkit-action/internal/boottest/spec"
)

func TestHTTP(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/moved":
			http.Redirect(w, r, "http://192.0.2.1/", http.StatusFound)
		case "/endless":
			for r.Context().Err() == nil {
				fmt.Fprint(w, strings.Repeat("x", 64<<10))
			}
		case "/hangup":
			panic(http.ErrAbortHandler)
		case "/status":
			w.WriteHeader(http.StatusTeapot)
		default:
			fmt.Fprintf(w, "hello from %s", r.Host)
		}
	}))
	t.Cleanup(server.Close)
	for name, tt := range map[string]struct {
		path   string
		status int
		body   string
		want   string
	}{
		"expected response":     {path: "/", status: 200, body: "hello from localhost:8080"},
		"unexpected status":     {path: "/status", status: 200, want: "status 418, not 200"},
		"expected status 418":   {path: "/status", status: 418},
		"redirect as response":  {path: "/moved", status: 302},
		"redirect not followed": {path: "/moved", status: 200, want: "status 302, not 200"},
		"unexpected body": {
			path:   "/",
			status: 200,
			body:   "goodbye",
			want:   `the body (25 bytes) does not match "goodbye"`,
		},
		"endless body":          {path: "/endless", status: 200, body: "y", want: "(1048576 bytes)"},
		"match in endless body": {path: "/endless", status: 200, body: "xxx"},
		"closed connection":     {path: "/hangup", status: 200, want: "no response: connection closed"},
	} {
		want := spec.HTTP{Port: 8080, Path: tt.path, Status: tt.status}
		if tt.body != "" {
			want.Body = &spec.Regexp{Regexp: regexp.MustCompile(tt.body)}
		}
		err := HTTP(t.Context(), strings.TrimPrefix(server.URL, "http://"), want)
		if got := fmt.Sprint(err); tt.want == "" && err != nil || !strings.Contains(got, tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// listen accepts connections, as QEMU does, and calls serve with each.
func listen(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		var kept []net.Conn // the garbage collector closes unreferenced connections
		for {
			c, err := l.Accept()
			if err != nil {
				break
			}
			kept = append(kept, c)
			serve(c)
		}
		for _, c := range kept {
			c.Close()
		}
	}()
	return l.Addr().String()
}

func TestTCP(t *testing.T) {
	t.Parallel()
	open := func(net.Conn) {}
	for name, tt := range map[string]struct {
		serve       func(net.Conn)
		established bool
		want        string
	}{
		"server that writes first": {
			serve: func(c net.Conn) { fmt.Fprint(c, "SSH-2.0-x\r\n") },
		},
		"server that reads first":                    {serve: open, established: true},
		"accepted by QEMU, refused by the guest":     {serve: func(c net.Conn) { c.Close() }, established: true, want: "connection refused"},
		"accepted by QEMU, no response of the guest": {serve: open, want: "no response"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := TCP(t.Context(), listen(t, tt.serve), func(context.Context) (bool, error) { return tt.established, nil })
			if got := fmt.Sprint(err); tt.want == "" && err != nil || !strings.Contains(got, tt.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestPollEndsOnSuccess(t *testing.T) {
	t.Parallel()
	calls := 0
	var results []error
	Poll(t.Context(), func(context.Context) error {
		if calls++; calls < 3 {
			return errors.New("not yet")
		}
		return nil
	}, func(err error) { results = append(results, err) })
	if calls != 3 || len(results) != 3 || results[2] != nil {
		t.Errorf("%d calls, results %v", calls, results)
	}
}

func TestPollEndsWithContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	Poll(ctx, func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, func(err error) { t.Errorf("unexpected result %v", err) })
}
