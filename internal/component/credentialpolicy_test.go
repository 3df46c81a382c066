package component

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/org/linuxkit-action/fixtures/image"
)

// TestSendsCredentialsOnlyToTheirHost has a registry whose token service is at another
// host, and one that redirects there.
func TestSendsCredentialsOnlyToTheirHost(t *testing.T) {
	t.Setenv("REGISTRY_AUTH_FILE", "")
	var mu sync.Mutex
	var received []string
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		received = append(received, r.Header.Get("Authorization"))
		mu.Unlock()
		fmt.Fprint(w, `{"token": "t"}`)
	}))
	t.Cleanup(other.Close)
	elsewhere := strings.Replace(other.URL, "127.0.0.1", "localhost", 1)
	challenge := func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") == "" {
				w.Header().Set("WWW-Authenticate", `Bearer realm="`+elsewhere+`/token",service="registry"`)
				http.Error(w, "", http.StatusUnauthorized)
				return
			}
			http.Redirect(w, r, elsewhere+"/storage", http.StatusTemporaryRedirect)
		})
	}
	host := image.Serve(t, challenge)
	basic := func(user string) string { return base64.StdEncoding.EncodeToString([]byte(user + ":p")) }
	for stored, want := range map[string]string{host: "", strings.TrimPrefix(elsewhere, "http://"): "Basic " + basic("own")} {
		dir := t.TempDir()
		t.Setenv("DOCKER_CONFIG", dir)
		config := fmt.Sprintf(`{"auths": {%q: {"auth": %q}, %q: {"auth": %q}}}`, host, basic("registry"), stored, basic("own"))
		if stored == host {
			config = fmt.Sprintf(`{"auths": {%q: {"auth": %q}}}`, host, basic("registry"))
		}
		if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
		received = nil
		_, err := resolve(t, host+"/acme/web:1", &Registry{})
		if len(received) < 2 || received[0] != want {
			t.Errorf("credentials for %s: %q arrived elsewhere, want %q first (%v)", stored, received, want, err)
		}
		for _, header := range received[min(1, len(received)):] {
			if header != "" {
				t.Errorf("redirect: %q arrived elsewhere", header)
			}
		}
	}
}

func TestTokenServicesOfTheSameDomain(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		registry, realm string
		want            bool
	}{
		{registry: "index.docker.io", realm: "https://auth.docker.io/token", want: true},
		{registry: "ghcr.io", realm: "https://ghcr.io/token", want: true},
		{registry: "registry.gitlab.com", realm: "https://gitlab.com/jwt/auth", want: true},
		{registry: "localhost:5000", realm: "http://localhost:5001/token", want: true},
		{registry: "ghcr.io", realm: "http://ghcr.io/token"},
		{registry: "ghcr.io", realm: "https://evil.example/token"},
		{registry: "ghcr.io", realm: "https://quay.io/token"},
		{registry: "a.github.io", realm: "https://b.github.io/token"},
		{registry: "10.0.0.1", realm: "https://127.0.0.1/token"},
		{registry: "registry", realm: "https://token/"},
	} {
		registry, err := name.NewRegistry(tt.registry)
		if err != nil {
			t.Fatal(err)
		}
		realm, err := url.Parse(tt.realm)
		if err != nil {
			t.Fatal(err)
		}
		if got := sameDomain(registry, realm); got != tt.want {
			t.Errorf("%s, %s: %v", tt.registry, tt.realm, got)
		}
	}
}
