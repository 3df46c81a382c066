package publish

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/org/linuxkit-action/fixtures/vault"
	"github.com/org/linuxkit-action/internal/component"
	_ "github.com/sigstore/sigstore/pkg/signature/kms/hashivault" // registers hashivault://
)

const vaultKey = "hashivault://release"

// startVault starts Vault with the key vaultKey.
func startVault(t *testing.T) *vault.Vault {
	t.Helper()
	v := vault.Serve(t)
	must(t, v.NewKey("release", "ecdsa-p256"))
	return v
}

// serveAsVault makes a handler the Vault of the rest of a test.
func serveAsVault(t *testing.T, handler http.HandlerFunc) {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	t.Setenv("VAULT_ADDR", server.URL)
}

// TestCosignVerifiesReleaseWithKeysInVault: every type that Vault signs digests with.
func TestCosignVerifiesReleaseWithKeysInVault(t *testing.T) {
	v := startVault(t)
	other, err := LoadKey(t.Context(), vaultKey)
	must(t, err)
	for _, kind := range []string{"ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "rsa-2048", "rsa-3072", "rsa-4096"} {
		t.Run(kind, func(t *testing.T) {
			must(t, v.NewKey(kind, kind))
			key, err := LoadKey(t.Context(), "hashivault://"+kind)
			must(t, err)
			dir, _, err := makeRelease(t, newBuild(t), key)
			must(t, err)
			checkWithCosign(t, dir, publicFile(t, key), publicFile(t, other))
		})
	}
}

const keyRemedy = "; name an existing cosign key that may sign SHA-256 digests, with its password in $COSIGN_PASSWORD"

// TestRejectsVaultKeysThatCannotSign: the error distinguishes a wrong key from an unavailable
// Vault.
func TestRejectsVaultKeysThatCannotSign(t *testing.T) {
	v := startVault(t)
	must(t, errors.Join(v.NewKey("edwards", "ed25519"), v.NewKey("secret", "aes256-gcm96")))
	for name, tt := range map[string]struct{ key, variable, value, want string }{
		"Ed25519":        {key: "edwards", want: "a key service signs a digest with Ed25519"},
		"no such key":    {key: "none", want: "could not read data from transit key path: /transit/keys/none" + keyRemedy},
		"symmetric key":  {key: "secret", want: "could not parse transit key keys data as map[string]interface{}" + keyRemedy},
		"malformed name": {key: "a/b", want: "kms specification should be in the format hashivault://<key>" + keyRemedy},
		"invalid token": {
			key: "release", variable: "VAULT_TOKEN", value: "invalid",
			want: "/v1/transit/keys/release: 403: permission denied" + keyRemedy,
		},
		"no address": {key: "release", variable: "VAULT_ADDR", want: "VAULT_ADDR is not set" + keyRemedy},
	} {
		t.Run(name, func(t *testing.T) {
			if tt.variable != "" {
				t.Setenv(tt.variable, tt.value)
			}
			_, err := LoadKey(t.Context(), "hashivault://"+tt.key)
			checkError(t, err, nil, "not published: key hashivault://"+tt.key+": ", tt.want)
		})
	}
	must(t, v.Seal())
	_, err := LoadKey(t.Context(), vaultKey)
	checkError(t, err, component.ErrUnavailable,
		"not published: key hashivault://release: unavailable: ", "503: Vault is sealed; try again")
}

// checkError checks that an error is ErrPublish in one line, and of the other kind if one
// is given.
func checkError(t *testing.T, err, kind error, wants ...string) {
	t.Helper()
	if !errors.Is(err, ErrPublish) || errors.Is(err, component.ErrUnavailable) != errors.Is(kind, component.ErrUnavailable) {
		t.Errorf("not of the kind %v: %v", kind, err)
	}
	if kind != nil && !errors.Is(err, kind) {
		t.Errorf("not of the kind %v: %v", kind, err)
	}
	for _, want := range wants {
		if err == nil || !strings.Contains(err.Error(), want) || strings.ContainsAny(err.Error(), "\n\x1b") {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}

func respond(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		w.Write([]byte(body))
	}
}

type vaultFailure struct {
	handler http.HandlerFunc
	kind    error
	wants   []string
}

func vaultFailures(t *testing.T, v *vault.Vault, forward http.Handler) map[string]vaultFailure {
	t.Helper()
	const unavailable = "os-artifacts.json: key hashivault://release: unavailable: "
	const rejected = "cosign would reject the signature: "
	return map[string]vaultFailure{
		"connection aborted": {
			handler: func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
			kind:    component.ErrUnavailable, wants: []string{unavailable, "EOF; try again"},
		},
		"sealed": {
			handler: respond(503, `{"errors":["Vault is sealed"]}`), kind: component.ErrUnavailable,
			wants: []string{unavailable, "/sign/release/sha2-256: 503: Vault is sealed; try again"},
		},
		"internal error": {
			handler: respond(500, `{"errors":["internal error"]}`), kind: component.ErrUnavailable,
			wants: []string{unavailable, "500: internal error; try again"},
		},
		"rate limited": {
			handler: respond(429, `{"errors":["rate limit\nexceeded"]}`), kind: component.ErrUnavailable,
			wants: []string{unavailable, "429: rate limit exceeded; try again"},
		},
		"permission denied": {
			handler: respond(403, "{\"errors\":[\"1 error occurred:\\n\\t* permission denied\\n\\n\"]}"),
			wants:   []string{"403: 1 error occurred:  * permission denied", keyRemedy},
		},
		"workflow command in the response": {
			handler: respond(400, `{"errors":["\u001b[2J\n::set-output`+strings.Repeat("x", 5000)+`"]}`),
			wants:   []string{`400: \x1b[2J ::set-output`, "…" + keyRemedy},
		},
		"response without signature": {
			handler: respond(200, `{"data":{}}`), wants: []string{"transit: response corrupted", keyRemedy},
		},
		"empty response": {
			handler: respond(200, ""), wants: []string{"malformed response (runtime error: ", keyRemedy},
		},
		"key deleted": {
			handler: respond(404, `{"errors":[]}`), wants: []string{"/sign/release/sha2-256: 404: Not Found", keyRemedy},
		},
		"signature by another key": {
			handler: respond(200, `{"data":{"signature":"vault:v1:MEUCIQDKbF5mvq0="}}`),
			wants:   []string{"key hashivault://release: " + rejected, "try again if the key has been rotated"},
		},
		"key rotated": {
			handler: func(w http.ResponseWriter, r *http.Request) {
				must(t, v.Rotate("release"))
				forward.ServeHTTP(w, r)
			},
			wants: []string{rejected},
		},
	}
}

// TestServiceFailureAfterFirstSignature: no file of the release is left.
func TestServiceFailureAfterFirstSignature(t *testing.T) {
	v := startVault(t)
	address, err := url.Parse(v.Address)
	must(t, err)
	forward := httputil.NewSingleHostReverseProxy(address)
	for name, tt := range vaultFailures(t, v, forward) {
		t.Run(name, func(t *testing.T) {
			var signatures atomic.Int32
			serveAsVault(t, func(w http.ResponseWriter, r *http.Request) {
				if strings.Contains(r.URL.Path, "/sign/") && signatures.Add(1) > 1 {
					tt.handler(w, r)
					return
				}
				forward.ServeHTTP(w, r)
			})
			key, err := LoadKey(t.Context(), vaultKey)
			must(t, err)
			dir, _, err := makeRelease(t, newBuild(t), key)
			checkError(t, err, tt.kind, tt.wants...)
			if left, _ := os.ReadDir(dir); len(left) != 0 || signatures.Load() < 2 {
				t.Errorf("left %v after %d requests", left, signatures.Load())
			}
		})
	}
}

// TestKeyServiceTimesOut: Vault's provider has no timeout of its own.
func TestKeyServiceTimesOut(t *testing.T) {
	v := startVault(t)
	address, err := url.Parse(v.Address)
	must(t, err)
	load := func(ctx context.Context) error { _, err := LoadKey(ctx, vaultKey); return err }
	sign := func(ctx context.Context) error {
		key, err := LoadKey(context.WithoutCancel(ctx), vaultKey)
		must(t, err)
		_, err = key.Sign(ctx, "", make([]byte, sha256.Size))
		return err
	}
	for path, call := range map[string]func(context.Context) error{"/keys/": load, "/sign/": sign} {
		t.Run(path, func(t *testing.T) {
			requests, end := make(chan struct{}, 4), make(chan struct{})
			serveAsVault(t, func(w http.ResponseWriter, r *http.Request) {
				if strings.Contains(r.URL.Path, path) {
					requests <- struct{}{}
					<-end
					return
				}
				httputil.NewSingleHostReverseProxy(address).ServeHTTP(w, r)
			})
			t.Cleanup(func() { close(end) }) // runs before server.Close, which waits for the handler

			short, stop := context.WithTimeout(t.Context(), time.Millisecond)
			defer stop()
			const want = "key " + vaultKey + ": unavailable: no response: context deadline exceeded; try again"
			if err := call(short); !errors.Is(err, component.ErrUnavailable) || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v", err)
			}
			cancelled, cancel := context.WithCancel(t.Context())
			go func() { <-requests; cancel() }()
			if err := call(cancelled); !errors.Is(err, context.Canceled) || errors.Is(err, component.ErrUnavailable) {
				t.Errorf("got %v", err)
			}
		})
	}
}
