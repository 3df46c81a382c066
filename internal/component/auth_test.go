package component

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"github.com/org/linuxkit-action/internal/manifest"
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

// requireLogin gives access to one user: with the password, or with a token that the
// password is exchanged for.
func requireLogin(bearer bool) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			user, password, _ := r.BasicAuth()
			authorized := user == "alice" && password == "secret"
			switch {
			case r.URL.Path == "/token" && authorized:
				json.NewEncoder(w).Encode(map[string]string{"token": "t0ken"})
				return
			case bearer && r.Header.Get("Authorization") != "Bearer t0ken":
				w.Header().Set("WWW-Authenticate", `Bearer realm="http://`+r.Host+`/token",service="test"`)
				w.WriteHeader(http.StatusUnauthorized)
				return
			case !bearer && !authorized:
				w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// TestCredentials is not parallel: it sets environment variables.
func TestCredentials(t *testing.T) {
	config, bin := t.TempDir(), t.TempDir()
	t.Setenv("DOCKER_CONFIG", config)
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	helper := "#!/bin/sh\nread server\necho '{\"ServerURL\":\"'$server'\",\"Username\":\"alice\",\"Secret\":\"secret\"}'\n"
	if err := os.WriteFile(filepath.Join(bin, "docker-credential-test"), []byte(helper), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		config string
		bearer bool
		want   error
	}{
		"docker login":             {config: `{"auths":{"HOST":{"auth":"YWxpY2U6c2VjcmV0"}}}`},
		"docker login, with token": {config: `{"auths":{"HOST":{"auth":"YWxpY2U6c2VjcmV0"}}}`, bearer: true},
		"credential helper":        {config: `{"credHelpers":{"HOST":"test"}}`},
		"credential store":         {config: `{"credsStore":"test"}`, bearer: true},
		"password of another user": {config: `{"auths":{"HOST":{"auth":"Ym9iOnNlY3JldA=="}}}`, want: ErrNotFound},
		"no credentials":           {config: `{}`, bearer: true, want: ErrNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			login := requireLogin(tt.bearer)
			var registry http.Handler
			host := image.Serve(t, func(next http.Handler) http.Handler { registry = next; return login(next) })
			direct := httptest.NewServer(registry)
			defer direct.Close()
			image.Push(t, imageWith(t, "1"), strings.TrimPrefix(direct.URL, "http://")+"/web:1")
			text := strings.ReplaceAll(tt.config, "HOST", host)
			if err := os.WriteFile(filepath.Join(config, "config.json"), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := resolve(t, host+"/web:1", &Registry{})
			if !errors.Is(err, tt.want) || err != nil && !strings.Contains(err.Error(), "run docker login") {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestSendsGitHubTokenOnlyToGHCR(t *testing.T) {
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	t.Setenv("REGISTRY_AUTH_FILE", "")
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	t.Setenv("GITHUB_TOKEN", "t0ken")
	for repository, want := range map[string]string{
		"ghcr.io/acme/web": "t0ken", "quay.io/acme/web": "", "ghcr.io.evil.example/acme/web": "", "ghcr.io:5000/acme/web": "",
	} {
		repo, err := name.NewRepository(repository)
		if err != nil {
			t.Fatal(err)
		}
		auth, err := credentials(t.Context(), repo)
		if err != nil {
			t.Fatal(err)
		}
		config, err := authn.Authorization(t.Context(), auth)
		if err != nil || config.Password != want {
			t.Errorf("%s: %q, %v", repository, config.Password, err)
		}
	}
}

// TestFindsCredentialsUnderEveryNameOfTheRegistry: tools store those of Docker Hub under
// several names.
func TestFindsCredentialsUnderEveryNameOfTheRegistry(t *testing.T) {
	t.Setenv("GITHUB_TOKEN", "")
	t.Setenv("REGISTRY_AUTH_FILE", "")
	for stored, image := range map[string]string{
		"https://index.docker.io/v1/": "acme/web", "registry-1.docker.io": "docker.io/acme/web",
		"ghcr.io": "GHCR.IO:443/acme/web", "localhost:5000": "LOCALHOST:5000/acme/web", "quay.io:443": "quay.io/acme/web",
	} {
		dir := t.TempDir()
		t.Setenv("DOCKER_CONFIG", dir)
		config := `{"auths": {"` + stored + `": {"username": "u", "password": "p"}}}`
		if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
		for other, want := range map[string]string{image: "p", "other.example/acme/web": ""} {
			reference, err := manifest.ParseReference(other)
			if err != nil {
				t.Fatal(err)
			}
			auth, err := credentials(t.Context(), reference.Context())
			if err != nil {
				t.Fatal(err)
			}
			found, err := authn.Authorization(t.Context(), auth)
			if err != nil || found.Password != want {
				t.Errorf("stored for %s, used for %s: %q, %v", stored, other, found.Password, err)
			}
		}
	}
}

func TestTrustsGivenCertificateAuthorities(t *testing.T) {
	t.Parallel()
	server := httptest.NewTLSServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	defer server.Close()
	host := strings.TrimPrefix(server.URL, "https://")
	ca := filepath.Join(t.TempDir(), "ca.pem")
	block := &pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}
	if err := os.WriteFile(ca, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	roots, err := LoadRootCAs([]string{ca})
	if err != nil {
		t.Fatal(err)
	}
	for want, pool := range map[error]*x509.CertPool{ErrNotFound: roots, ErrCertificates: nil} {
		if _, err := resolve(t, host+"/web:1", &Registry{RootCAs: pool}); !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
	}
	if none, err := LoadRootCAs(nil); none != nil || err != nil {
		t.Errorf("no file: %v, %v", none, err)
	}
	key := filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(key, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{key, key + ".none"} {
		if _, err := LoadRootCAs([]string{ca, file}); !errors.Is(err, ErrCertificates) || !strings.Contains(err.Error(), file) {
			t.Errorf("got %v", err)
		}
	}
}
