package manifest

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestLoadURL(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/os.yml":
			w.Write([]byte(small))
		case "/endless.yml":
			for range maxEndless {
				if _, err := w.Write([]byte(strings.Repeat("# ", 512))); err != nil {
					return
				}
			}
		case "/template.yml":
			w.Write([]byte("init: ['@pkg:.']"))
		default:
			http.Error(w, "services: []", http.StatusNotFound) // LinuxKit builds the body of an error
		}
	}))
	t.Cleanup(server.Close)
	m, err := Load(t.Context(), []string{server.URL + "/os.yml?raw=1"}, Options{})
	if err != nil || m.Name != "os" || m.Files[0].Local() {
		t.Errorf("%+v, %v", m, err)
	}
	_, err = Load(t.Context(), []string{server.URL + "/os.yml"}, Options{Offline: true})
	if !errors.Is(err, ErrUnreadable) || !strings.Contains(err.Error(), "--offline forbids downloads") {
		t.Errorf("offline: %v", err)
	}
	for name, tt := range map[string]struct {
		path string
		kind error
		want string
	}{
		"not found": {path: "/none.yml", kind: ErrUnreadable, want: "server responded with 404 Not Found"},
		"endless":   {path: "/endless.yml", kind: ErrInvalid, want: "is larger than 8 MiB"},
		"template":  {path: "/template.yml", kind: ErrInvalid, want: "has no folder"},
	} {
		_, err := Load(t.Context(), []string{server.URL + tt.path}, Options{})
		if !errors.Is(err, tt.kind) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %s", name, err, tt.want)
		}
	}
}

// maxEndless is the size of the response in KiB, more than the limit of 8 MiB.
const maxEndless = 16 << 10
