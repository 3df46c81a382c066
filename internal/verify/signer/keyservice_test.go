package signer

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/org/linuxkit-action/internal/component"
	_ "github.com/sigstore/sigstore/pkg/signature/kms/aws" // registers awskms://
)

// rsa1024 is a public key that Go does not generate, made with openssl genpkey.
const rsa1024 = "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDHI81qJmW8iDKA4mCmPyCqpf45B2ci+7SZr1eSfv1nKuYqo0sxr1lIzqossIqUti4JfcQNAcYwI2BY" +
	"PUvaO/MJmPYcNOXL1gSUBToVitXr3eAp36BSlH1zkR8A8c1Icx4EwhNb3pA5eEFOVdVugL+cSpZ6US5RbUC/Wh9Ih2/pAQIDAQAB"

const (
	retryRemedy  = "try again, or keep the public key in a file"
	policyRemedy = "name an existing key with read access"
)

// vaultResponses are those that Vault documents ("HTTP status codes"), and those of a proxy
// in front of it.
var vaultResponses = map[string]struct {
	status int
	body   string
	kind   error
	wants  []string
}{
	"sealed": {
		status: 503, body: `{"errors":["Vault is sealed"]}`, kind: component.ErrUnavailable,
		wants: []string{"/v1/transit/keys/release: 503: Vault is sealed", retryRemedy},
	},
	"internal error": {
		status: 500, body: `{"errors":["internal error"]}`, kind: component.ErrUnavailable,
		wants: []string{"500: internal error", retryRemedy},
	},
	"bad gateway": {
		status: 502, body: `<html>Bad Gateway</html>`, kind: component.ErrUnavailable,
		wants: []string{"502: <html>Bad Gateway</html>", retryRemedy},
	},
	"rate limited": {
		status: 429, body: `{"errors":["request path \"transit/keys/release\": rate limit quota exceeded"]}`, kind: component.ErrUnavailable,
		wants: []string{"429: request path", retryRemedy},
	},
	"permission denied": {
		status: 403, body: `{"errors":["1 error occurred:\n\t* permission denied\n\n"]}`, kind: ErrKey,
		wants: []string{"403: 1 error occurred:  * permission denied", policyRemedy},
	},
	"no such key": {
		status: 404, body: `{"errors":[]}`, kind: ErrKey,
		wants: []string{"could not read data from transit key path: /transit/keys/release", policyRemedy},
	},
	"bad request": {
		status: 400, body: `{"errors":["missing client token","and more"]}`, kind: ErrKey,
		wants: []string{"400: missing client token, and more", policyRemedy},
	},
	"not JSON": {
		status: 200, body: `hello`, kind: ErrKey,
		wants: []string{"invalid character 'h'", policyRemedy},
	},
	"response without a key": {
		status: 200, body: `{"data":{"keys":{},"latest_version":1}}`, kind: ErrKey,
		wants: []string{"corrupted response", policyRemedy},
	},
	"weak key": {
		status: 200, kind: ErrKey,
		body: `{"data":{"keys":{"1":{"public_key":"-----BEGIN PUBLIC KEY-----\n` + rsa1024 +
			`\n-----END PUBLIC KEY-----"}},"latest_version":1}}`,
		wants: []string{"key size not supported: 1024; use ECDSA P-256"},
	},
	"truncated key": {
		status: 200, body: `{"data":{"keys":{"1":{"name":"ed25519","public_key":"AAAA"}},"latest_version":1}}`, kind: ErrKey,
		wants: []string{"ed25519 public key length is 3, should be 32", policyRemedy},
	},
	"workflow command": {
		status: 400, body: `{"errors":["\u001b[2J\n::set-output` + strings.Repeat("x", 5000) + `"]}`, kind: ErrKey,
		wants: []string{`400: \x1b[2J ::set-output`, "…; " + policyRemedy},
	},
}

// TestClassifiesResponsesOfVault: a temporary failure is no mistake in the policy.
func TestClassifiesResponsesOfVault(t *testing.T) {
	for name, tt := range vaultResponses {
		t.Run(name, func(t *testing.T) {
			serveAsVault(t, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(tt.status)
				w.Write([]byte(tt.body))
			})
			err := loadKey(t, "hashivault://release")
			if !errors.Is(err, tt.kind) || errors.Is(err, ErrKey) == errors.Is(err, component.ErrUnavailable) {
				t.Fatalf("not of the kind %v: %v", tt.kind, err)
			}
			for _, want := range append(tt.wants, "key hashivault://release") {
				if !strings.Contains(err.Error(), want) || strings.ContainsAny(err.Error(), "\n\x1b") {
					t.Errorf("got  %v\nwant %s", err, want)
				}
			}
		})
	}
}

// TestUntrustedCertificateIsNotRetried: the same request would fail again.
func TestUntrustedCertificateIsNotRetried(t *testing.T) {
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // it logs failed handshakes
	server.StartTLS()
	t.Cleanup(server.Close)
	t.Setenv("VAULT_ADDR", server.URL)
	t.Setenv("VAULT_TOKEN", "any")
	err := loadKey(t, "hashivault://release")
	if !errors.Is(err, ErrKey) || !strings.Contains(err.Error(), "certificate signed by unknown authority") {
		t.Errorf("got %v", err)
	}
}

// TestClassifiesResponsesOfAWS: as in its API reference ("Common errors", GetPublicKey).
func TestClassifiesResponsesOfAWS(t *testing.T) {
	for name, tt := range map[string]struct {
		status    int
		code      string
		temporary bool
	}{
		"internal error":    {status: 500, code: "KMSInternalException", temporary: true},
		"unavailable":       {status: 503, code: "ServiceUnavailable", temporary: true},
		"rate limited":      {status: 400, code: "ThrottlingException", temporary: true},
		"permission denied": {status: 400, code: "AccessDeniedException"},
		"no such key":       {status: 400, code: "NotFoundException"},
	} {
		t.Run(name, func(t *testing.T) {
			server := serveAsAWS(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/x-amz-json-1.1")
				w.WriteHeader(tt.status)
				fmt.Fprintf(w, `{"__type":%q,"message":"two\nlines"}`, tt.code)
			})
			err := loadKey(t, "awskms://"+server.Listener.Addr().String()+"/alias/release")
			if errors.Is(err, component.ErrUnavailable) != tt.temporary || errors.Is(err, ErrKey) == tt.temporary {
				t.Fatalf("got %v", err)
			}
			if !strings.Contains(err.Error(), fmt.Sprintf("StatusCode: %d", tt.status)) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %v", err)
			}
		})
	}
}

func serveAsAWS(t *testing.T, handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	server := httptest.NewTLSServer(handler)
	t.Cleanup(server.Close)
	bundle := filepath.Join(t.TempDir(), "ca.pem")
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	must(t, os.WriteFile(bundle, certificate, 0o600))
	for name, value := range map[string]string{
		"AWS_CA_BUNDLE": bundle, "AWS_MAX_ATTEMPTS": "1", "AWS_REGION": "eu-central-1",
		"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any",
	} {
		t.Setenv(name, value)
	}
	return server
}

// serveAsVault makes a handler the Vault of the rest of a test.
func serveAsVault(t *testing.T, handler http.HandlerFunc) {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	t.Setenv("VAULT_ADDR", server.URL)
	t.Setenv("VAULT_TOKEN", "any")
}

// TestKeyServiceTimesOut: Vault's provider has no timeout of its own.
func TestKeyServiceTimesOut(t *testing.T) {
	requests, end := make(chan struct{}, 2), make(chan struct{})
	serveAsVault(t, func(http.ResponseWriter, *http.Request) { requests <- struct{}{}; <-end })
	t.Cleanup(func() { close(end) }) // runs before server.Close, which waits for the handler
	key := NewServiceKey("hashivault://release")

	short, stop := context.WithTimeout(t.Context(), time.Millisecond)
	defer stop()
	_, err := key.load(short, false)
	if !errors.Is(err, component.ErrUnavailable) || !strings.Contains(err.Error(), "no response: context deadline exceeded; try again") {
		t.Errorf("got %v", err)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	go func() { <-requests; cancel() }()
	if _, err := key.load(cancelled, false); !errors.Is(err, context.Canceled) || errors.Is(err, component.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
}
