package component

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/org/linuxkit-action/fixtures/image"
)

// guarded is a registry that shows itself to one user only: by a password, or by a token
// that it gives for the password.
func guarded(bearer bool) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			user, password, _ := r.BasicAuth()
			known := user == "alice" && password == "secret"
			switch {
			case r.URL.Path == "/token" && known:
				json.NewEncoder(w).Encode(map[string]string{"token": "t0ken"})
				return
			case bearer && r.Header.Get("Authorization") != "Bearer t0ken":
				w.Header().Set("WWW-Authenticate", `Bearer realm="http://`+r.Host+`/token",service="test"`)
				w.WriteHeader(http.StatusUnauthorized)
				return
			case !bearer && !known:
				w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// TestPasswords runs alone: where passwords are is in the environment.
func TestPasswords(t *testing.T) {
	config, bin := t.TempDir(), t.TempDir()
	t.Setenv("DOCKER_CONFIG", config)
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	helper := "#!/bin/sh\nread server\necho '{\"ServerURL\":\"'$server'\",\"Username\":\"alice\",\"Secret\":\"secret\"}'\n"
	if err := os.WriteFile(filepath.Join(bin, "docker-credential-ours"), []byte(helper), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		config string
		bearer bool
		want   error
	}{
		"docker login":            {`{"auths":{"HOST":{"auth":"YWxpY2U6c2VjcmV0"}}}`, false, nil},
		"docker login, for token": {`{"auths":{"HOST":{"auth":"YWxpY2U6c2VjcmV0"}}}`, true, nil},
		"a helper":                {`{"credHelpers":{"HOST":"ours"}}`, false, nil},
		"a helper for all":        {`{"credsStore":"ours"}`, true, nil},
		"another's password":      {`{"auths":{"HOST":{"auth":"Ym9iOnNlY3JldA=="}}}`, false, ErrNotFound},
		"none":                    {`{}`, true, ErrNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			guard := guarded(tt.bearer)
			var open http.Handler
			host := image.Serve(t, func(next http.Handler) http.Handler { open = next; return guard(next) })
			direct := httptest.NewServer(open)
			defer direct.Close()
			image.Push(t, of(t, "1"), strings.TrimPrefix(direct.URL, "http://")+"/web:1")
			if err := os.WriteFile(filepath.Join(config, "config.json"), []byte(strings.ReplaceAll(tt.config, "HOST", host)), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := resolve(t, host+"/web:1", &Registry{})
			if !errors.Is(err, tt.want) || err != nil && !strings.Contains(err.Error(), "log in with docker login") {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestGitHubsTokenIsForGitHub: and for nobody else.
func TestGitHubsTokenIsForGitHub(t *testing.T) {
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	t.Setenv("REGISTRY_AUTH_FILE", "")
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	t.Setenv("GITHUB_TOKEN", "t0ken")
	for repository, want := range map[string]string{"ghcr.io/acme/web": "t0ken", "quay.io/acme/web": "", "ghcr.io.evil.example/acme/web": ""} {
		repo, err := name.NewRepository(repository)
		if err != nil {
			t.Fatal(err)
		}
		auth, err := authn.Resolve(t.Context(), keychain, repo)
		if err != nil {
			t.Fatal(err)
		}
		config, err := authn.Authorization(t.Context(), auth)
		if err != nil || config.Password != want {
			t.Errorf("%s: %q, %v", repository, config.Password, err)
		}
	}
}

func TestAuthoritiesOfOnesOwn(t *testing.T) {
	t.Parallel()
	server := httptest.NewTLSServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	defer server.Close()
	host := strings.TrimPrefix(server.URL, "https://")
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	roots, err := Roots([]string{ca})
	if err != nil {
		t.Fatal(err)
	}
	for want, pool := range map[error]*x509.CertPool{ErrNotFound: roots, ErrCertificates: nil} {
		if _, err := resolve(t, host+"/web:1", &Registry{Roots: pool}); !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
	}
	if none, err := Roots(nil); none != nil || err != nil {
		t.Errorf("no file: %v, %v", none, err)
	}
	key := filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(key, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{key, key + ".none"} {
		if _, err := Roots([]string{ca, file}); !errors.Is(err, ErrCertificates) || !strings.Contains(err.Error(), file) {
			t.Errorf("got %v", err)
		}
	}
}
