package policy

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestRejectsEndpointsOfKeyServices: a request has the credentials of the runner.
func TestRejectsEndpointsOfKeyServices(t *testing.T) {
	t.Setenv(keyHostsVariable, "vault.acme.example,kms.acme.example:8443")
	for reference, want := range map[string]string{
		"awskms:///alias/release":                       "",
		"awskms://kms.acme.example:8443/alias/release":  "",
		"azurekms://vault.acme.example/release":         "",
		"hashivault://release":                          "",
		"gcpkms://projects/x/locations/y/keyRings/z":    "",
		"awskms://evil.example/alias/release":           "does not name endpoints",
		"awskms://kms.acme.example/alias/release":       "does not name endpoints",
		"azurekms://evil.vault.azure.net/release":       "does not name endpoints",
		"pkcs11:token=x?module-path=/srv/evil.so":       "does not name modules",
		"https://evil.example/cosign.pub":               "keys are not fetched",
		"awskms://evil.example,vault.acme.example/x":    "does not name endpoints",
		"awskms://user@evil.example/alias/vault.acme.x": "does not name endpoints",
	} {
		text := "rules: [{match: '**', key: '" + reference + "'}]"
		_, err := Parse(filepath.Join(t.TempDir(), "policy.yml"), []byte(text))
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", reference, err)
		}
	}
}

// TestWarnsOfOpenIdentities: of rules that match more signers than they seem to.
func TestWarnsOfOpenIdentities(t *testing.T) {
	t.Parallel()
	const workflow = "https://github.com/acme/ci/.github/workflows/release.yml@refs/tags/v1"
	for keyless, want := range map[string]string{
		"issuer: https://i.example, subject: '" + workflow + "'":                        "add repository: OWNER/NAME",
		"issuer: https://i.example, subject: '" + workflow + "', repository: acme/web":  "",
		"issuer: https://i.example, subject: me@acme.example":                           "",
		"issuer: https://i.example, subjectRegExp: '^.*$'":                              "matches everything",
		"issuer: https://i.example, subjectRegExp: '^.+$'":                              "matches everything",
		`issuer: https://i.example, subjectRegExp: '^https://acme\.example/x$'`:         "",
		`issuer: https://i.example, subjectRegExp: '^https://acme.example/x$'`:          "matches any character",
		`issuerRegExp: '^https://acme.example$', subject: me@acme.example`:              "matches any character",
		`issuer: https://i.example, subjectRegExp: '^https://acme[.]example/x$'`:        "",
		`issuer: https://i.example, subjectRegExp: '^x/\.github/workflows/y@refs/v1$'`:  "add repository: OWNER/NAME",
		`issuer: https://i.example, subjectRegExp: '^x@y\.z$', event: push, ref: 'a/*'`: "",
	} {
		p, err := Parse("policy.yml", []byte("rules: [{match: '**', keyless: {"+keyless+"}}]"))
		if err != nil {
			t.Errorf("%s: %v", keyless, err)
			continue
		}
		if (len(p.Warnings) > 0) != (want != "") || want != "" && !strings.Contains(p.Warnings[0].Text, want) {
			t.Errorf("%s: %v", keyless, p.Warnings)
		}
	}
}
