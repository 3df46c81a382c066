package verify

import (
	"errors"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/org/linuxkit-action/fixtures/vault"
	_ "github.com/sigstore/sigstore/pkg/signature/kms/hashivault" // registers hashivault://
)

// byVault signs with a key in Vault.
func byVault(program, key, layout string) attachFunc {
	return func(s *virtualSigstore, r string, d v1.Hash) {
		runCosign(s.t, program, s.dir, "sign", "--key", "hashivault://"+key, "--tlog-upload=false", layout, r+"@"+d.String())
	}
}

const (
	layoutTags    = "--new-bundle-format=false"
	layoutBundles = "--new-bundle-format=true"
	layoutCosign3 = "--use-signing-config=false"
)

// TestVerifiesKeysInVault: every key type that Vault and cosign support. cosign 3 cannot
// sign with some: it passes a digest that is too long for Vault's provider.
func TestVerifiesKeysInVault(t *testing.T) {
	v := vault.Serve(t)
	for kind, cosign3 := range map[string]bool{
		"ecdsa-p256": true, "ecdsa-p384": false, "ecdsa-p521": false,
		"rsa-2048": true, "rsa-3072": true, "rsa-4096": true, "ed25519": false,
	} {
		eve, rejected := "eve-"+kind, "no signature by key hashivault://"+kind
		must(t, errors.Join(v.NewKey(kind, kind), v.NewKey(eve, kind)))
		cases := map[string]attachmentCase{
			"cosign 2, tags":         {attach: byVault("cosign", kind, layoutTags)},
			"cosign 2, bundles":      {attach: byVault("cosign", kind, layoutBundles)},
			"tags by another key":    {attach: byVault("cosign", eve, layoutTags), want: rejected},
			"bundles by another key": {attach: byVault("cosign", eve, layoutBundles), want: rejected},
		}
		if cosign3 {
			cases["cosign 3"] = attachmentCase{attach: byVault("cosign3", kind, layoutCosign3)}
		}
		t.Run(kind, func(t *testing.T) {
			checkCases(t, &virtualSigstore{t: t, dir: t.TempDir()}, "rules: [{match: '**', key: 'hashivault://"+kind+"'}]", cases)
		})
	}
}

// TestCountsKeyInVaultAndInFile: the same key counts once.
func TestCountsKeyInVaultAndInFile(t *testing.T) {
	v := vault.Serve(t)
	must(t, v.NewKey("release", "ecdsa-p256"))
	dir, _ := newKeyPairs(t)
	cosign(t, dir, "public-key", "--key", "hashivault://release", "--outfile", "release.pub")
	inVault := byVault("cosign", "release", layoutTags)
	inFile := func(_ *virtualSigstore, r string, d v1.Hash) { signWith(t, r+"@"+d.String(), dir) }
	for policy, cases := range map[string]map[string]attachmentCase{
		"rules: [{match: '**', keys: [cosign.pub, 'hashivault://release']}]": {
			"both":     {attach: sequence(inVault, inFile)},
			"in file":  {attach: inFile, want: "(1 found)"},
			"in Vault": {attach: inVault, want: "(1 found)"},
		},
		"rules: [{match: '**', keys: [cosign.pub, 'hashivault://release'], threshold: 1}]": {
			"in file":  {attach: inFile},
			"in Vault": {attach: inVault},
		},
		"rules: [{match: '**', keys: [release.pub, 'hashivault://release']}]": {
			"same key": {attach: inVault, want: "(1 found)"},
		},
	} {
		checkCases(t, &virtualSigstore{t: t, dir: dir}, policy, cases)
	}
}

// TestEd25519OfVaultDoesNotCountForFile: cosign lets Vault sign a digest in the place of the
// message. With a key in a file that would be the signature of a file of 32 bytes.
func TestEd25519OfVaultDoesNotCountForFile(t *testing.T) {
	v := vault.Serve(t)
	must(t, v.NewKey("release", "ed25519"))
	dir := t.TempDir()
	cosign(t, dir, "public-key", "--key", "hashivault://release", "--outfile", "release.pub")
	sign := byVault("cosign", "release", layoutTags)
	for policy, tt := range map[string]attachmentCase{
		"rules: [{match: '**', key: 'hashivault://release'}]": {attach: sign},
		"rules: [{match: '**', key: release.pub}]":            {attach: sign, want: "no signature by key release.pub"},
	} {
		checkCases(t, &virtualSigstore{t: t, dir: dir}, policy, map[string]attachmentCase{policy: tt})
	}
}

// TestNewestVersionOfKeyInVaultCounts: it is the one that Vault's provider returns.
func TestNewestVersionOfKeyInVaultCounts(t *testing.T) {
	v := vault.Serve(t)
	must(t, v.NewKey("release", "ecdsa-p256"))
	sign := byVault("cosign", "release", layoutTags)
	rotate := func(*virtualSigstore, string, v1.Hash) { must(t, v.Rotate("release")) }
	for name, tt := range map[string]attachmentCase{
		"signed, then rotated": {attach: sequence(sign, rotate), want: "no signature by key hashivault://release"},
		"rotated, then signed": {attach: sequence(rotate, sign)},
	} {
		s := &virtualSigstore{t: t, dir: t.TempDir()}
		checkCases(t, s, "rules: [{match: '**', key: 'hashivault://release'}]", map[string]attachmentCase{name: tt})
	}
}
