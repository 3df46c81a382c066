package verify

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
	_ "github.com/sigstore/sigstore/pkg/signature/kms/aws" // awskms://, as internal/cli imports it
)

// TestAnswersOfVault: those that its documentation tells of ("HTTP status codes"), and
// those of what may stand in front of it. What passes is no mistake in the policy.
func TestAnswersOfVault(t *testing.T) {
	const again, mend = "try again, or keep its public half in a file", "name a key that is there and may be read"
	for name, tt := range map[string]struct {
		status int
		body   string
		kind   error
		wants  []string
	}{
		"sealed":             {503, `{"errors":["Vault is sealed"]}`, component.ErrUnavailable, []string{"/v1/transit/keys/release: 503: Vault is sealed", again}},
		"its own fault":      {500, `{"errors":["internal error"]}`, component.ErrUnavailable, []string{"500: internal error", again}},
		"another's fault":    {502, `<html>Bad Gateway</html>`, component.ErrUnavailable, []string{"502: <html>Bad Gateway</html>", again}},
		"too many questions": {429, `{"errors":["request path \"transit/keys/release\": rate limit quota exceeded"]}`, component.ErrUnavailable, []string{"429: request path", again}},
		"not allowed":        {403, `{"errors":["1 error occurred:\n\t* permission denied\n\n"]}`, ErrPolicy, []string{"403: 1 error occurred:  * permission denied", mend}},
		"no such key":        {404, `{"errors":[]}`, ErrPolicy, []string{"could not read data from transit key path: /transit/keys/release", mend}},
		"a bad question":     {400, `{"errors":["missing client token","and more"]}`, ErrPolicy, []string{"400: missing client token, and more", mend}},
		"no JSON":            {200, `hello`, ErrPolicy, []string{"invalid character 'h'", mend}},
		"no key in it":       {200, `{"data":{"keys":{},"latest_version":1}}`, ErrPolicy, []string{"corrupted response", mend}},
		"a weak key":         {200, `{"data":{"keys":{"1":{"public_key":"-----BEGIN PUBLIC KEY-----\n` + rsa1024 + `\n-----END PUBLIC KEY-----"}},"latest_version":1}}`, ErrPolicy, []string{"key size not supported: 1024; make a key with ECDSA P-256"}},
		"half a key":         {200, `{"data":{"keys":{"1":{"name":"ed25519","public_key":"AAAA"}},"latest_version":1}}`, ErrPolicy, []string{"ed25519 public key length is 3, should be 32", mend}},
		"orders to the log":  {400, `{"errors":["\u001b[2J\n::set-output` + strings.Repeat("x", 5000) + `"]}`, ErrPolicy, []string{"400:  [2J ::set-output", "…; " + mend}},
	} {
		t.Run(name, func(t *testing.T) {
			standIn(t, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(tt.status)
				w.Write([]byte(tt.body))
			})
			err := loading(t, "hashivault://release")
			if !errors.Is(err, tt.kind) || errors.Is(err, ErrPolicy) == errors.Is(err, component.ErrUnavailable) {
				t.Errorf("the kind is not %v: %v", tt.kind, err)
			}
			for _, want := range append(tt.wants, "key hashivault://release") {
				if err == nil || !strings.Contains(err.Error(), want) || strings.ContainsAny(err.Error(), "\n\x1b") {
					t.Errorf("got  %v\nwant %s", err, want)
				}
			}
		})
	}
}

// TestVaultWithAStrangersCertificate: asking again would not help.
func TestVaultWithAStrangersCertificate(t *testing.T) {
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // it complains of who hangs up
	server.StartTLS()
	t.Cleanup(server.Close)
	t.Setenv("VAULT_ADDR", server.URL)
	t.Setenv("VAULT_TOKEN", "any")
	if err := loading(t, "hashivault://release"); !errors.Is(err, ErrPolicy) || !strings.Contains(err.Error(), "certificate signed by unknown authority") {
		t.Errorf("got %v", err)
	}
}

// TestAnswersOfAWS: as its API reference has them ("Common errors", GetPublicKey).
func TestAnswersOfAWS(t *testing.T) {
	for name, tt := range map[string]struct {
		status     int
		kind, want string
		again      bool
	}{
		"its own fault":      {500, "KMSInternalException", "KMSInternalException", true},
		"down for a while":   {503, "ServiceUnavailable", "StatusCode: 503", true},
		"too many questions": {400, "ThrottlingException", "ThrottlingException", true},
		"not allowed":        {400, "AccessDeniedException", "AccessDeniedException", false},
		"no such key":        {400, "NotFoundException", "NotFoundException", false},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/x-amz-json-1.1")
				w.WriteHeader(tt.status)
				fmt.Fprintf(w, `{"__type":%q,"message":"told\nin two lines"}`, tt.kind)
			}))
			t.Cleanup(server.Close)
			trusted := filepath.Join(t.TempDir(), "ca.pem")
			must(t, os.WriteFile(trusted, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600))
			for name, value := range map[string]string{
				"AWS_CA_BUNDLE": trusted, "AWS_MAX_ATTEMPTS": "1", "AWS_REGION": "eu-central-1",
				"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any",
			} {
				t.Setenv(name, value)
			}
			err := loading(t, "awskms://"+server.Listener.Addr().String()+"/alias/release")
			if errors.Is(err, component.ErrUnavailable) != tt.again || errors.Is(err, ErrPolicy) == tt.again {
				t.Errorf("of another kind: %v", err)
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
}

// standIn answers as Vault for the rest of a test.
func standIn(t *testing.T, answer http.HandlerFunc) {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	t.Setenv("VAULT_ADDR", server.URL)
	t.Setenv("VAULT_TOKEN", "any")
}

// TestVaultThatNeverAnswers: the provider would wait for ever.
func TestVaultThatNeverAnswers(t *testing.T) {
	asked, end := make(chan struct{}, 2), make(chan struct{})
	standIn(t, func(http.ResponseWriter, *http.Request) { asked <- struct{}{}; <-end })
	t.Cleanup(func() { close(end) }) // before the server is closed, which waits for it
	key, err := openKey("", "hashivault://release")
	must(t, err)

	short, stop := context.WithTimeout(t.Context(), time.Millisecond)
	defer stop()
	if _, err := key.load(short, false); !errors.Is(err, component.ErrUnavailable) || !strings.Contains(err.Error(), "no answer: context deadline exceeded; try again") {
		t.Errorf("got %v", err)
	}
	interrupted, interrupt := context.WithCancel(t.Context())
	go func() { <-asked; interrupt() }()
	if _, err := key.load(interrupted, false); !errors.Is(err, context.Canceled) || errors.Is(err, component.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
}
