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
		"as expected":                    {path: "/", status: 200, body: "hello from localhost:8080"},
		"another status":                 {path: "/status", status: 200, want: "status 418, not 200"},
		"an odd status that is expected": {path: "/status", status: 418},
		"a redirect is an answer":        {path: "/moved", status: 302},
		"a redirect is not followed":     {path: "/moved", status: 200, want: "status 302, not 200"},
		"another body": {
			path:   "/",
			status: 200,
			body:   "goodbye",
			want:   `nothing in the body (25 bytes) matches "goodbye"`,
		},
		"a body without end":                {path: "/endless", status: 200, body: "y", want: "(1048576 bytes)"},
		"a body without end, of which some": {path: "/endless", status: 200, body: "xxx"},
		"a connection that is cut":          {path: "/hangup", status: 200, want: "no answer: the connection was closed"},
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

// listen accepts connections as QEMU does, and does with them what serve does.
func listen(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		var kept []net.Conn // one that nobody holds would be closed by the garbage collector
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
		"a server that speaks first": {
			serve: func(c net.Conn) { fmt.Fprint(c, "SSH-2.0-x\r\n") },
		},
		"a server that waits":                     {serve: open, established: true},
		"QEMU accepts and the guest refuses":      {serve: func(c net.Conn) { c.Close() }, established: true, want: "refuses"},
		"QEMU accepts and the guest says nothing": {serve: open, want: "does not answer"},
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

func TestUntilEndsWithSuccess(t *testing.T) {
	t.Parallel()
	calls := 0
	var told []error
	Until(t.Context(), func(context.Context) error {
		if calls++; calls < 3 {
			return errors.New("not yet")
		}
		return nil
	}, func(err error) { told = append(told, err) })
	if calls != 3 || len(told) != 3 || told[2] != nil {
		t.Errorf("%d calls, told %v", calls, told)
	}
}

func TestUntilEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	Until(ctx, func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, func(err error) { t.Errorf("told %v", err) })
}
