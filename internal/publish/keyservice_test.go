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
	_ "github.com/sigstore/sigstore/pkg/signature/kms/hashivault" // hashivault://, as internal/cli imports it
)

// startVault starts one with the key release.
func startVault(t *testing.T) *vault.Vault {
	t.Helper()
	v := vault.Serve(t, "../../bin") // as make test fills it
	must(t, v.NewKey("release", "ecdsa-p256"))
	return v
}

// standIn stands where Vault is looked for, for the rest of a test.
func standIn(t *testing.T, answer http.HandlerFunc) {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	t.Setenv("VAULT_ADDR", server.URL)
}

// TestCosignAcceptsTheReleaseByKeysInVault: every kind that signs there what users verify
// with the public half in a file.
func TestCosignAcceptsTheReleaseByKeysInVault(t *testing.T) {
	v := startVault(t)
	strangers, err := LoadKey(t.Context(), "hashivault://release")
	must(t, err)
	for _, kind := range []string{"ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "rsa-2048", "rsa-3072", "rsa-4096"} {
		t.Run(kind, func(t *testing.T) {
			must(t, v.NewKey(kind, kind))
			key, err := LoadKey(t.Context(), "hashivault://"+kind)
			must(t, err)
			release, _, err := makeRelease(t, built(t), key)
			must(t, err)
			acceptedByBoth(t, release, publicFile(t, key), publicFile(t, strangers))
		})
	}
}

// TestKeysInVaultThatDoNotSign: what Vault answers says whose fault it is.
func TestKeysInVaultThatDoNotSign(t *testing.T) {
	v := startVault(t)
	must(t, errors.Join(v.NewKey("edwards", "ed25519"), v.NewKey("secret", "aes256-gcm96")))
	const mend = "; name a cosign key that is there and may sign SHA-256, and its password in $COSIGN_PASSWORD"
	for name, tt := range map[string]struct{ key, variable, value, want string }{
		"Ed25519":              {"edwards", "", "", "with Ed25519 a service signs hashes only, and cosign verifies that over whole files; sign with a key of ECDSA P-256"},
		"there is no such key": {"none", "", "", "could not read data from transit key path: /transit/keys/none" + mend},
		"a key without halves": {"secret", "", "", "could not parse transit key keys data as map[string]interface{}" + mend},
		"no name of a key":     {"a/b", "", "", "kms specification should be in the format hashivault://<key>" + mend},
		"nobody's token":       {"release", "VAULT_TOKEN", "nobody's", "/v1/transit/keys/release: 403: permission denied" + mend},
		"no Vault named":       {"release", "VAULT_ADDR", "", "VAULT_ADDR is not set" + mend},
	} {
		t.Run(name, func(t *testing.T) {
			if tt.variable != "" {
				t.Setenv(tt.variable, tt.value)
			}
			_, err := LoadKey(t.Context(), "hashivault://"+tt.key)
			told(t, err, nil, "not published: key hashivault://"+tt.key+": ", tt.want)
		})
	}
	must(t, v.Seal())
	_, err := LoadKey(t.Context(), "hashivault://release")
	told(t, err, component.ErrUnavailable, "not published: key hashivault://release cannot be asked to sign: ", "503: Vault is sealed; try again")
}

// told checks an error: ErrPublish in one line, and of the other kind as well if there is one.
func told(t *testing.T, err, kind error, wants ...string) {
	t.Helper()
	if !errors.Is(err, ErrPublish) || errors.Is(err, component.ErrUnavailable) != (kind == component.ErrUnavailable) || kind != nil && !errors.Is(err, kind) {
		t.Errorf("of another kind than %v: %v", kind, err)
	}
	for _, want := range wants {
		if err == nil || !strings.Contains(err.Error(), want) || strings.ContainsAny(err.Error(), "\n\x1b") {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}

// TestServiceThatFailsAfterTheFirstSignature: nothing of the release is left.
func TestServiceThatFailsAfterTheFirstSignature(t *testing.T) {
	v := startVault(t)
	real, err := url.Parse(v.Address)
	must(t, err)
	answer := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status); w.Write([]byte(body)) }
	}
	sealed := func(w http.ResponseWriter, r *http.Request) { answer(503, `{"errors":["Vault is sealed"]}`)(w, r) }
	const again, mend = "os-artifacts.json: key hashivault://release cannot be asked to sign: ", "; name a cosign key that is there and may sign"
	for name, tt := range map[string]struct {
		then  http.HandlerFunc
		kind  error
		wants []string
	}{
		"it dies":            {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, component.ErrUnavailable, []string{again, "EOF; try again"}},
		"it is sealed":       {sealed, component.ErrUnavailable, []string{again, "/sign/release/sha2-256: 503: Vault is sealed; try again"}},
		"its own fault":      {answer(500, `{"errors":["internal error"]}`), component.ErrUnavailable, []string{again, "500: internal error; try again"}},
		"too many questions": {answer(429, `{"errors":["rate limit\nexceeded"]}`), component.ErrUnavailable, []string{again, "429: rate limit exceeded; try again"}},
		"not allowed":        {answer(403, "{\"errors\":[\"1 error occurred:\\n\\t* permission denied\\n\\n\"]}"), nil, []string{"403: 1 error occurred:  * permission denied", mend}},
		"orders to the log":  {answer(400, `{"errors":["\u001b[2J\n::set-output`+strings.Repeat("x", 5000)+`"]}`), nil, []string{"400:  [2J ::set-output", "…" + mend}},
		"no signature":       {answer(200, `{"data":{}}`), nil, []string{"transit: response corrupted", mend}},
		"an empty answer":    {answer(200, ""), nil, []string{"the answer is not one to that question (runtime error: ", mend}},
		"the key is gone":    {answer(404, `{"errors":[]}`), nil, []string{"/sign/release/sha2-256: 404: Not Found", mend}},
		"another's signature": {answer(200, `{"data":{"signature":"vault:v1:MEUCIQDKbF5mvq0="}}`), nil,
			[]string{"key hashivault://release: cosign would not accept what it signs: ", "try again if it has been rotated, or sign with a key of ECDSA P-256"}},
		"the key is another now": {func(w http.ResponseWriter, r *http.Request) {
			must(t, v.Rotate("release"))
			httputil.NewSingleHostReverseProxy(real).ServeHTTP(w, r)
		}, nil, []string{"cosign would not accept what it signs"}},
	} {
		t.Run(name, func(t *testing.T) {
			var signatures atomic.Int32
			standIn(t, func(w http.ResponseWriter, r *http.Request) {
				if strings.Contains(r.URL.Path, "/sign/") && signatures.Add(1) > 1 {
					tt.then(w, r)
					return
				}
				httputil.NewSingleHostReverseProxy(real).ServeHTTP(w, r)
			})
			key, err := LoadKey(t.Context(), "hashivault://release")
			must(t, err)
			dir, _, err := makeRelease(t, built(t), key)
			told(t, err, tt.kind, tt.wants...)
			if left, _ := os.ReadDir(dir); len(left) != 0 || signatures.Load() < 2 {
				t.Errorf("left %v after %d questions", left, signatures.Load())
			}
		})
	}
}

// TestServiceThatNeverAnswers: the provider would wait for ever, and a release with it.
func TestServiceThatNeverAnswers(t *testing.T) {
	const reference = "hashivault://release"
	v := startVault(t)
	real, err := url.Parse(v.Address)
	must(t, err)
	load := func(ctx context.Context) error { _, err := LoadKey(ctx, reference); return err }
	for at, ask := range map[string]func(context.Context) error{
		"/keys/": load,
		"/sign/": func(ctx context.Context) error {
			key, err := LoadKey(context.WithoutCancel(ctx), reference)
			must(t, err)
			_, err = key.sign(ctx, "", make([]byte, sha256.Size))
			return err
		},
	} {
		t.Run(at, func(t *testing.T) {
			asked, end := make(chan struct{}, 4), make(chan struct{})
			standIn(t, func(w http.ResponseWriter, r *http.Request) {
				if strings.Contains(r.URL.Path, at) {
					asked <- struct{}{}
					<-end
					return
				}
				httputil.NewSingleHostReverseProxy(real).ServeHTTP(w, r)
			})
			t.Cleanup(func() { close(end) }) // before the server is closed, which waits for it

			short, stop := context.WithTimeout(t.Context(), time.Millisecond)
			defer stop()
			if err := ask(short); !errors.Is(err, component.ErrUnavailable) || !strings.Contains(err.Error(), "key "+reference+" cannot be asked to sign: no answer: context deadline exceeded; try again") {
				t.Errorf("got %v", err)
			}
			interrupted, interrupt := context.WithCancel(t.Context())
			go func() { <-asked; interrupt() }()
			if err := ask(interrupted); !errors.Is(err, context.Canceled) || errors.Is(err, component.ErrUnavailable) {
				t.Errorf("got %v", err)
			}
		})
	}
}
