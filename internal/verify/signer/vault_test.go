package signer

import (
	"errors"
	"strings"
	"testing"

	"github.com/org/linuxkit-action/fixtures/vault"
	"github.com/org/linuxkit-action/internal/component"
	_ "github.com/sigstore/sigstore/pkg/signature/kms/hashivault" // registers hashivault://
)

// loadKey loads a key from its service.
func loadKey(t *testing.T, reference string) error {
	t.Helper()
	_, err := NewServiceKey(reference).load(t.Context(), false)
	return err
}

// TestRejectsUnusableVaultKeys: the error distinguishes a wrong policy from an unavailable
// Vault.
func TestRejectsUnusableVaultKeys(t *testing.T) {
	v := vault.Serve(t)
	must(t, errors.Join(v.NewKey("release", "ecdsa-p256"), v.NewKey("secret", "aes256-gcm96")))
	for name, tt := range map[string]struct{ key, variable, value, want string }{
		"no such key":    {key: "none", want: "could not read data from transit key path: /transit/keys/none; name an existing key"},
		"symmetric key":  {key: "secret", want: "could not parse transit key keys data"},
		"malformed name": {key: "a/b", want: "kms specification should be in the format hashivault://<key>"},
		"invalid token": {
			key: "release", variable: "VAULT_TOKEN", value: "invalid",
			want: "/v1/transit/keys/release: 403: permission denied; name an existing key",
		},
		"not mounted": {key: "release", variable: "TRANSIT_SECRET_ENGINE_PATH", value: "elsewhere", want: "/elsewhere/keys/release"},
		"no address":  {key: "release", variable: "VAULT_ADDR", want: "VAULT_ADDR is not set"},
	} {
		t.Run(name, func(t *testing.T) {
			if tt.variable != "" {
				t.Setenv(tt.variable, tt.value)
			}
			err := loadKey(t, "hashivault://"+tt.key)
			if !errors.Is(err, ErrKey) || errors.Is(err, component.ErrUnavailable) {
				t.Fatalf("got %v", err)
			}
			if !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
	must(t, loadKey(t, "hashivault://release"))
	must(t, v.Seal())
	err := loadKey(t, "hashivault://release")
	if !errors.Is(err, component.ErrUnavailable) || !strings.Contains(err.Error(), "503: Vault is sealed; try again") {
		t.Errorf("sealed: %v", err)
	}
}
