package verify

import (
	"errors"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/org/linuxkit-action/fixtures/vault"
	"github.com/org/linuxkit-action/internal/component"
	_ "github.com/sigstore/sigstore/pkg/signature/kms/hashivault" // hashivault://, as internal/cli imports it
)

// byVault signs with a key in Vault.
func byVault(program, key string, flags ...string) func(*world, string, v1.Hash) {
	return func(w *world, r string, d v1.Hash) {
		args := append([]string{"sign", "--key", "hashivault://" + key, "--tlog-upload=false"}, flags...)
		cosignOf(w.t, program, w.dir, append(args, r+"@"+d.String())...)
	}
}

// TestKeysInVault: every kind that Vault and cosign both have. With some cosign 3 does not
// sign: it hands the provider a longer digest than that takes.
func TestKeysInVault(t *testing.T) {
	v := vault.Serve(t)
	for kind, cosign3 := range map[string]bool{
		"ecdsa-p256": true, "ecdsa-p384": false, "ecdsa-p521": false,
		"rsa-2048": true, "rsa-3072": true, "rsa-4096": true, "ed25519": false,
	} {
		eve := "eve-" + kind
		must(t, errors.Join(v.NewKey(kind, kind), v.NewKey(eve, kind)))
		signed := map[string]lie{
			"cosign 2, tags":         {byVault("cosign", kind, "--new-bundle-format=false"), ""},
			"cosign 2, bundles":      {byVault("cosign", kind, "--new-bundle-format=true"), ""},
			"by another key":         {byVault("cosign", eve, "--new-bundle-format=false"), "no signature by key hashivault://" + kind},
			"by another key, bundle": {byVault("cosign", eve, "--new-bundle-format=true"), "no signature by key hashivault://" + kind},
		}
		if cosign3 {
			signed["cosign 3"] = lie{byVault("cosign3", kind, "--use-signing-config=false"), ""}
		}
		t.Run(kind, func(t *testing.T) {
			told(t, &world{t: t, dir: t.TempDir()}, "rules: [{match: '**', key: 'hashivault://"+kind+"'}]", signed)
		})
	}
}

// TestKeyInVaultBesideOneInAFile: one counts as the other, and nobody as two.
func TestKeyInVaultBesideOneInAFile(t *testing.T) {
	v := vault.Serve(t)
	must(t, v.NewKey("release", "ecdsa-p256"))
	dir, _ := keys(t)
	cosign(t, dir, "public-key", "--key", "hashivault://release", "--outfile", "release.pub")
	vaults := byVault("cosign", "release", "--new-bundle-format=false")
	file := func(_ *world, r string, d v1.Hash) { signWith(t, r+"@"+d.String(), dir) }
	both := func(w *world, r string, d v1.Hash) { vaults(w, r, d); file(w, r, d) }
	for policy, lies := range map[string]map[string]lie{
		"rules: [{match: '**', keys: [cosign.pub, 'hashivault://release']}]": {
			"both": {both, ""}, "the file's alone": {file, "(1 found)"}, "Vault's alone": {vaults, "(1 found)"},
		},
		"rules: [{match: '**', keys: [cosign.pub, 'hashivault://release'], threshold: 1}]": {
			"the file's is enough": {file, ""}, "Vault's is enough": {vaults, ""},
		},
		"rules: [{match: '**', keys: [release.pub, 'hashivault://release']}]": {
			"one holder named twice": {vaults, "(1 found)"},
		},
	} {
		told(t, &world{t: t, dir: dir}, policy, lies)
	}
}

// TestEd25519InVaultCountsThereOnly: what cosign has Vault sign is a hash, which a key in a
// file would have signed only if it were somebody's whole file.
func TestEd25519InVaultCountsThereOnly(t *testing.T) {
	v := vault.Serve(t)
	must(t, v.NewKey("release", "ed25519"))
	dir := t.TempDir()
	cosign(t, dir, "public-key", "--key", "hashivault://release", "--outfile", "release.pub")
	sign := byVault("cosign", "release", "--new-bundle-format=false")
	for policy, tt := range map[string]lie{
		"rules: [{match: '**', key: 'hashivault://release'}]": {sign, ""},
		"rules: [{match: '**', key: release.pub}]":            {sign, "no signature by key release.pub"},
	} {
		told(t, &world{t: t, dir: dir}, policy, map[string]lie{policy: tt})
	}
}

// TestNewestVersionOfAKeyInVaultCounts: it is the one that the provider brings.
func TestNewestVersionOfAKeyInVaultCounts(t *testing.T) {
	v := vault.Serve(t)
	sign := byVault("cosign", "release", "--new-bundle-format=false")
	rotate := func() { must(t, v.Rotate("release")) }
	must(t, v.NewKey("release", "ecdsa-p256"))
	for name, tt := range map[string]lie{
		"signed, then rotated": {func(w *world, r string, d v1.Hash) { sign(w, r, d); rotate() }, "no signature by key hashivault://release"},
		"rotated, then signed": {func(w *world, r string, d v1.Hash) { rotate(); sign(w, r, d) }, ""},
	} {
		told(t, &world{t: t, dir: t.TempDir()}, "rules: [{match: '**', key: 'hashivault://release'}]", map[string]lie{name: tt})
	}
}

// TestVaultGivesNoKey: what it answers says whose fault it is.
func TestVaultGivesNoKey(t *testing.T) {
	v := vault.Serve(t)
	must(t, errors.Join(v.NewKey("release", "ecdsa-p256"), v.NewKey("secret", "aes256-gcm96")))
	for name, tt := range map[string]struct {
		key, variable, value string
		want                 string
	}{
		"there is no such key": {"none", "", "", "could not read data from transit key path: /transit/keys/none; name a key"},
		"a key without halves": {"secret", "", "", "could not parse transit key keys data"},
		"no name of a key":     {"a/b", "", "", "kms specification should be in the format hashivault://<key>"},
		"nobody's token":       {"release", "VAULT_TOKEN", "nobody's", "/v1/transit/keys/release: 403: permission denied; name a key"},
		"nowhere mounted":      {"release", "TRANSIT_SECRET_ENGINE_PATH", "elsewhere", "/elsewhere/keys/release"},
		"no Vault named":       {"release", "VAULT_ADDR", "", "VAULT_ADDR is not set"},
	} {
		t.Run(name, func(t *testing.T) {
			if tt.variable != "" {
				t.Setenv(tt.variable, tt.value)
			}
			err := loading(t, "hashivault://"+tt.key)
			if !errors.Is(err, ErrPolicy) || errors.Is(err, component.ErrUnavailable) || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
	must(t, loading(t, "hashivault://release"))
	must(t, v.Seal())
	if err := loading(t, "hashivault://release"); !errors.Is(err, component.ErrUnavailable) || !strings.Contains(err.Error(), "503: Vault is sealed; try again") {
		t.Errorf("sealed: %v", err)
	}
}

func loading(t *testing.T, reference string) error {
	t.Helper()
	key, err := openKey("", reference)
	must(t, err)
	_, err = key.load(t.Context(), false)
	return err
}
