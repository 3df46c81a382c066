package sigstore

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/org/linuxkit-action/internal/component"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/testing/ca"
	"github.com/sigstore/sigstore-go/pkg/tuf"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// trustedRoot returns a well-formed trusted_root.json.
func trustedRoot(t *testing.T) []byte {
	t.Helper()
	virtual, err := ca.NewVirtualSigstore()
	must(t, err)
	authorities := virtual.FulcioCertificateAuthorities()
	trusted, err := root.NewTrustedRoot(root.TrustedRootMediaType01, authorities, nil, virtual.TimestampingAuthorities(), nil)
	must(t, err)
	text, err := trusted.MarshalJSON()
	must(t, err)
	return text
}

// TestRetriesUnavailableMirror: the result is exit code 75, not a verdict.
func TestRetriesUnavailableMirror(t *testing.T) {
	t.Parallel()
	var requests atomic.Int32
	down := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		requests.Add(1)
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	t.Cleanup(down.Close)
	r := TrustedRoot{options: func() (*tuf.Options, error) {
		return tuf.DefaultOptions().WithCachePath(t.TempDir()).WithRepositoryBaseURL(down.URL), nil
	}}
	_, err := r.Material(t.Context(), false)
	const want = "fetch trusted root: "
	if !errors.Is(err, component.ErrUnavailable) || errors.Is(err, ErrTrustedRoot) || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v", err)
	}
	if requests.Load() != tufAttempts {
		t.Errorf("%d requests, want %d", requests.Load(), tufAttempts)
	}
	down.Close()
	_, err = r.Material(t.Context(), false)
	if !errors.Is(err, component.ErrUnavailable) || !errors.Is(component.Classify(err), component.ErrUnavailable) {
		t.Errorf("connection refused: %v", err)
	}
	if _, err = r.Material(t.Context(), true); !errors.Is(err, component.ErrOffline) || errors.Is(err, component.ErrUnavailable) {
		t.Errorf("offline: %v", err)
	}
	if requests.Load() != tufAttempts {
		t.Error("a request although offline")
	}
}

// TestCachesTrustedRoot: it is fetched once a day, and then without the mirror.
func TestCachesTrustedRoot(t *testing.T) {
	t.Parallel()
	m := newTUFMirror(t, trustedRoot(t))
	get := func(offline bool) error {
		r := m.trustedRoot() // as in another run
		material, err := r.Material(t.Context(), offline)
		if err == nil && len(material.FulcioCertificateAuthorities()) == 0 {
			t.Error("no certificate authorities")
		}
		return err
	}
	if err := get(true); !errors.Is(err, component.ErrOffline) || m.requests.Load() != 0 {
		t.Errorf("offline with an empty cache: %v", err)
	}
	must(t, get(false))
	requests := m.requests.Load()
	if err := get(false); err != nil || m.requests.Load() != requests {
		t.Errorf("requested again within the day: %v", err)
	}
	m.server.Close()
	for _, offline := range []bool{false, true} {
		if err := get(offline); err != nil {
			t.Errorf("from the cache, offline %v: %v", offline, err)
		}
	}
}

// TestRejectsTamperedTrustedRoot: an attack or a stale mirror is neither unavailable nor
// trusted.
func TestRejectsTamperedTrustedRoot(t *testing.T) {
	t.Parallel()
	good := trustedRoot(t)
	for name, tt := range tamperedMirrors(good) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newTUFMirror(t, good)
			tt.tamper(m)
			r := m.trustedRoot()
			_, err := r.Material(t.Context(), false)
			if !errors.Is(err, ErrTrustedRoot) || errors.Is(err, component.ErrUnavailable) || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got  %v\nwant %s", err, tt.want)
			}
			text := err.Error()
			if !strings.Contains(text, m.server.URL) || !strings.Contains(text, "trustedRoot: FILE") || strings.Contains(text, "\n") {
				t.Errorf("no mirror, no remedy, or more than a line: %v", err)
			}
		})
	}
}

type tamperedMirror struct {
	tamper func(m *tufMirror)
	want   string
}

func tamperedMirrors(good []byte) map[string]tamperedMirror {
	soon, past := time.Now().Add(time.Hour), time.Now().Add(-time.Minute)
	edit := func(path string) func(*tufMirror) {
		return func(m *tufMirror) { m.files[path] = bytes.Replace(m.files[path], []byte("2"), []byte("3"), 1) }
	}
	set := func(path string, content []byte) func(*tufMirror) {
		return func(m *tufMirror) { m.files[path] = content }
	}
	target := func(content []byte) func(*tufMirror) {
		return func(m *tufMirror) { m.files[m.target] = content }
	}
	publish := func(name string, content []byte, expires time.Time) func(*tufMirror) {
		return func(m *tufMirror) { m.publish(2, name, content, expires) }
	}
	fromOther := func(path, from string) func(*tufMirror) {
		return func(m *tufMirror) {
			other := newTUFMirror(m.t, good)
			other.publish(2, "trusted_root.json", good, soon)
			m.files[path] = other.files[from]
		}
	}
	return map[string]tamperedMirror{
		"target byte replaced":     {tamper: target(append([]byte(" "), good[1:]...)), want: "hash"},
		"target too long":          {tamper: target(append(bytes.Clone(good), ' ')), want: "larger than expected"},
		"target too short":         {tamper: target(good[1:]), want: "length"},
		"timestamp edited":         {tamper: edit("/timestamp.json"), want: "Verifying timestamp failed"},
		"targets edited":           {tamper: edit("/1.targets.json"), want: "Verifying targets failed"},
		"snapshot edited":          {tamper: edit("/1.snapshot.json"), want: "Verifying snapshot failed"},
		"timestamp by another key": {tamper: fromOther("/timestamp.json", "/timestamp.json"), want: "Verifying timestamp failed"},
		"root by another key":      {tamper: fromOther("/2.root.json", "/1.root.json"), want: "Verifying root failed"},
		"targets of old version":   {tamper: mixVersions(good, soon), want: "expected targets version 2, got 1"},
		"expired":                  {tamper: publish("trusted_root.json", good, past), want: "metadata expired"},
		"captive portal":           {tamper: set("/timestamp.json", []byte("<html>Log in</html>")), want: "invalid character"},
		"no trusted root":          {tamper: publish("ctfe.pub", good, soon), want: "target trusted_root.json not found"},
		"wrong media type":         {tamper: publish("trusted_root.json", []byte(`{"mediaType":"x"}`), soon), want: "media type: x"},
		"missing timestamp":        {tamper: func(m *tufMirror) { delete(m.files, "/timestamp.json") }, want: "404"},
		"endless timestamp":        {tamper: endlessTimestamp, want: "larger than expected"},
	}
}

func mixVersions(content []byte, expires time.Time) func(*tufMirror) {
	return func(m *tufMirror) {
		old := m.files["/1.targets.json"]
		m.publish(2, "trusted_root.json", content, expires)
		m.files["/2.targets.json"] = old
	}
}

func endlessTimestamp(m *tufMirror) {
	m.handle = func(w http.ResponseWriter, r *http.Request) bool {
		for r.URL.Path == "/timestamp.json" {
			if _, err := w.Write(make([]byte, 64<<10)); err != nil {
				return true
			}
		}
		return false
	}
}

// TestRejectsRollback: a client that has seen version 2 rejects version 1.
func TestRejectsRollback(t *testing.T) {
	t.Parallel()
	good := trustedRoot(t)
	m := newTUFMirror(t, good)
	older := maps.Clone(m.files)
	m.publish(2, "trusted_root.json", good, time.Now().Add(time.Hour))
	first, second := m.trustedRoot(), m.trustedRoot()
	_, err := first.Material(t.Context(), false)
	must(t, err)
	m.files = older
	must(t, os.Remove(filepath.Join(m.cache, tuf.URLToPath(m.server.URL)+".json"))) // the time of the last update
	if _, err := second.Material(t.Context(), false); !errors.Is(err, ErrTrustedRoot) || !strings.Contains(err.Error(), "version") {
		t.Errorf("got %v", err)
	}
}

type failure func(attempt int64, w http.ResponseWriter, r *http.Request) bool

// failAt makes a mirror fail at one path.
func failAt(path string, fail failure) func(*tufMirror) {
	return func(m *tufMirror) {
		var attempts atomic.Int64
		m.handle = func(w http.ResponseWriter, r *http.Request) bool {
			return r.URL.Path == path && fail(attempts.Add(1), w, r)
		}
	}
}

func respond(status int, times int64) failure {
	return func(attempt int64, w http.ResponseWriter, _ *http.Request) bool {
		if attempt <= times {
			w.WriteHeader(status)
		}
		return attempt <= times
	}
}

func stall(_ int64, w http.ResponseWriter, r *http.Request) bool {
	w.Write([]byte("{"))
	w.(http.Flusher).Flush()
	<-r.Context().Done()
	return true
}

func truncate(_ int64, w http.ResponseWriter, _ *http.Request) bool {
	w.Header().Set("Content-Length", "100")
	w.Write([]byte("{"))
	return true
}

// TestRetriesAndTimesOut: temporary failures are retried, within the deadline.
func TestRetriesAndTimesOut(t *testing.T) {
	t.Parallel()
	good := trustedRoot(t)
	for name, tt := range map[string]struct {
		fail    func(*tufMirror)
		timeout time.Duration
		want    error
	}{
		"500 twice":          {fail: failAt("/timestamp.json", respond(500, 2)), timeout: time.Minute},
		"429 twice":          {fail: failAt("/2.root.json", respond(429, 2)), timeout: time.Minute},
		"502 always":         {fail: failAt("/timestamp.json", respond(502, 99)), timeout: time.Minute, want: component.ErrUnavailable},
		"stalled body":       {fail: failAt("/timestamp.json", stall), timeout: time.Second, want: component.ErrUnavailable},
		"truncated response": {fail: failAt("/1.targets.json", truncate), timeout: time.Minute, want: component.ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newTUFMirror(t, good)
			tt.fail(m)
			ctx, cancel := context.WithTimeout(t.Context(), tt.timeout)
			defer cancel()
			r := m.trustedRoot()
			if _, err := r.Material(ctx, false); !errors.Is(err, tt.want) || errors.Is(err, ErrTrustedRoot) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestReplacesCorruptCache: a cached file that TUF rejects is fetched again.
func TestReplacesCorruptCache(t *testing.T) {
	t.Parallel()
	m := newTUFMirror(t, trustedRoot(t))
	for range 2 {
		r := m.trustedRoot()
		_, err := r.Material(t.Context(), false)
		must(t, err)
		files, err := filepath.Glob(filepath.Join(m.cache, "*", "targets", "*"))
		if err != nil || len(files) != 1 {
			t.Fatalf("cached: %v, %v", files, err)
		}
		must(t, os.WriteFile(files[0], []byte("corrupt"), 0o600))
	}
}
