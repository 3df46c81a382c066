package policy

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/org/linuxkit-action/fixtures/registry"
	"github.com/org/linuxkit-action/internal/manifest"
	"github.com/org/linuxkit-action/internal/manifest/strict"
	"github.com/org/linuxkit-action/internal/workspace"
	"github.com/sigstore/sigstore/pkg/cryptoutils"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// newKey returns a folder with cosign.pub.
func newKey(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	must(t, registry.NewKey(dir))
	return dir
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	must(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
}

func TestReportsMistakes(t *testing.T) {
	t.Parallel()
	dir := newKey(t)
	write(t, dir, "text", "no key")
	rule := func(more string) string { return "rules: [{match: x, " + more + "}]" }
	for in, want := range map[string]string{
		"default: none": `default: "none" must be one of signed, digest, any`,
		rule("keyless: {issuer: i, subject: s}, key: cosign.pub"): "must have exactly one of key, keys, keyless",
		rule("keys: []"):                                                      "must have 1 to 32 keys",
		rule("keys: [cosign.pub, ./cosign.pub]"):                              "./cosign.pub is a duplicate",
		rule("keys: [cosign.pub], threshold: 2"):                              "2 must be 1 to 1",
		rule("keys: [cosign.pub], threshold: 0"):                              "0 must be 1 to 1",
		rule("key: cosign.pub, threshold: 1"):                                 "threshold: needs keys",
		rule("key: cosign.pub, log: yes please"):                              `"yes please" must be required`,
		rule("key: 'https://acme.example/cosign.pub'"):                        "keys are not fetched",
		rule("key: 'env://LINUXKIT_TEST_NO_KEY'"):                             "not a public key in PEM",
		rule("key: cosign.pub, attestations: [{type: slsaprovenence1}]"):      "did you mean slsaprovenance1?",
		rule("key: cosign.pub, attestations: [{type: provenance}]"):           "use a URI, or one of custom, cyclonedx",
		rule("key: cosign.pub, attestations: [{type: vuln, cue: 'x: y'}]"):    `cue: CUE:1:4: x: reference "y" not found`,
		rule("keyless: {issuer: i}"):                                          "subject: must be given, or else subjectRegExp",
		rule("keyless: {issuer: i, issuerRegExp: ^i$, subject: s}"):           "and not both",
		rule("keyless: {issuer: i, subjectRegExp: '^(a$'}"):                   "missing closing",
		"trustedRoot: none.json":                                              "none.json: no such file",
		"trustedRoot: text":                                                   "text: not a trusted root",
		"rules: [{match: x}]":                                                 "rules[0]: must have exactly one of key, keys, keyless",
		rule("key: none.pub"):                                                 "none.pub: no such file",
		rule("key: text"):                                                     "text: not a public key in PEM",
		rule("key: cosign.pub, keyy: y"):                                      `unknown key "keyy"; did you mean "key"?`,
		"rules: [{match: " + strings.Repeat("x", 300) + ", key: cosign.pub}]": "is longer than 255",
	} {
		_, err := Parse(filepath.Join(dir, "p.yml"), []byte(in))
		if !errors.Is(err, strict.ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s:\ngot  %v\nwant %s", in, err, want)
		}
	}
	if _, _, err := Load(workspace.Files{}, filepath.Join(dir, "none.yml")); !errors.Is(err, ErrUnreadable) {
		t.Errorf("missing file: %v", err)
	}
}

func TestPatternsMatchWholeNames(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		pattern, image string
		want           bool
	}{
		{pattern: "ghcr.io/acme/**", image: "ghcr.io/acme/web:1", want: true},
		{pattern: "ghcr.io/acme/**", image: "ghcr.io/acme/deep/web:1", want: true},
		{pattern: "ghcr.io/acme/*", image: "ghcr.io/acme/deep/web:1"},
		{pattern: "ghcr.io/acme/**", image: "ghcr.io/acme-evil/web:1"},
		{pattern: "ghcr.io/acme/**", image: "evil.io/ghcr.io/acme/web"},
		{pattern: "ghcr.io/acme/web", image: "ghcr.io/acme/web-evil:1"},
		{pattern: "ghcr.io/acme/web", image: "ghcrxio/acme/web:1"},
		{pattern: "linuxkit/**", image: "linuxkit/kernel:6", want: true},
		{pattern: "linuxkit/**", image: "evil.io/linuxkit/kernel:6"},
		{pattern: "library/*", image: "alpine", want: true},
		{pattern: "docker.io/linuxkit/*", image: "linuxkit/init", want: true},
		{pattern: "**", image: "anything.io/at/all", want: true},
		{pattern: "localhost:5000/*", image: "localhost:5000/x", want: true},
	} {
		pattern, err := newPattern(tt.pattern)
		must(t, err)
		reference, err := manifest.ParseReference(tt.image)
		must(t, err)
		if got := pattern.matches(reference.Context()); got != tt.want {
			t.Errorf("%s matches %s: %v", tt.pattern, tt.image, got)
		}
	}
}

func TestRejectsPatternsThatMatchNothing(t *testing.T) {
	t.Parallel()
	for pattern, want := range map[string]string{
		"ghcr.io/Acme/web": "matches no name", "ghcr.io/acme/web:1": "matches no name", "https://ghcr.io/acme/**": "matches no name",
		"ghcr.io": "it is a registry; write ghcr.io/**", "*": "matches no name", "ghcr.io/acme/": "matches no name",
		"/acme/x": "matches no name", "ghcr.io//x": "matches no name", "ghcr.io/../**": "matches no name",
		"*.ghcr.io:443/**": "matches no name", "Ghcr.*/**": "matches no name", "127.1/**": "write all four numbers",
	} {
		if _, err := newPattern(pattern); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s:\ngot  %v\nwant %s", pattern, err, want)
		}
	}
}

// TestNoSpellingAvoidsARule: rule and reference are normalized, so every spelling of a
// registry is the same.
func TestNoSpellingAvoidsARule(t *testing.T) {
	t.Parallel()
	for rule, images := range map[string]string{
		"localhost:5000/acme/**":       "LOCALHOST:5000/acme/x localhost.:5000/acme/x localhost:05000/acme/x",
		"ghcr.io/acme/**":              "ghcr.io:443/acme/x GHCR.IO/acme/x ghcr.io./acme/x",
		"GHCR.io:443/acme/**":          "ghcr.io/acme/x",
		"docker.io/acme/**":            "acme/x index.docker.io/acme/x registry-1.docker.io/acme/x Docker.io:443/acme/x",
		"registry-1.docker.io/acme/**": "acme/x",
		"index.docker.io/alpine":       "alpine docker.io/library/alpine",
		"alpine":                       "library/alpine",
		"docker.io/*":                  "alpine",
		"*.example:5000/acme/x":        "Registry.Example.:5000/acme/x",
	} {
		pattern, err := newPattern(rule)
		must(t, err)
		for image := range strings.FieldsSeq(images) {
			reference, err := manifest.ParseReference(image)
			must(t, err)
			if !pattern.matches(reference.Context()) {
				t.Errorf("rule %s does not match %s", rule, image)
			}
		}
	}
}

func TestRepositoryNamedAsDockerHubIsNoneOfIt(t *testing.T) {
	t.Parallel()
	pattern, err := newPattern("docker.io/acme/**")
	must(t, err)
	for _, image := range []string{"evil.example/index.docker.io/acme/x", "docker.io.evil.example/acme/x", "index.docker.io:5000/acme/x"} {
		reference, err := manifest.ParseReference(image)
		must(t, err)
		if pattern.matches(reference.Context()) {
			t.Errorf("a rule for Docker Hub matches %s", image)
		}
	}
}

func FuzzParse(f *testing.F) {
	const all = "rules: [{match: '**', "
	f.Add([]byte("default: signed\nrules: [{match: a/**, key: k}]"))
	f.Add([]byte("trustedRoot: p.yml\n" + all + "keys: [env://A, b], threshold: 2, log: required}]"))
	f.Add([]byte("rules: [{match: '*/**', keyless: {issuer: https://i, subjectRegExp: ^(a|b)$}, attestations: [{type: vuln}]}]"))
	f.Add([]byte(all + "key: env://A, attestations: [{type: vuln, cue: 'import \"list\", predicate: l: list.MatchN(1, {a!: [...]})'}]}]"))
	f.Add([]byte("rules: [{match: docker.io/*, keyless: {issuerRegExp: '(?m)^', subject: s}}, {match: 'x/**', key: awskms:///a}]"))
	f.Fuzz(func(t *testing.T, in []byte) {
		if _, err := Parse("p.yml", in); err != nil && !errors.Is(err, strict.ErrInvalid) {
			t.Errorf("unknown kind of error: %v", err)
		}
	})
}

func TestWarnsOfRulesThatNeverApply(t *testing.T) {
	t.Parallel()
	dir := newKey(t)
	for rules, want := range map[string]string{
		"ghcr.io/acme/**, ghcr.io/acme/web":    "unreachable: shadowed by rule 1 (ghcr.io/acme/**)",
		"'**', linuxkit/*":                     "shadowed by rule 1 (**)",
		"linuxkit/*, docker.io/linuxkit/*":     "shadowed by rule 1 (linuxkit/*)",
		"ghcr.io/acme/web, ghcr.io/acme/**":    "",
		"ghcr.io/acme/*, ghcr.io/acme/**":      "",
		"ghcr.io/acme/*, ghcr.io/acme/a/*":     "",
		"ghcr.io/a*/**, ghcr.io/acme/*-web":    "shadowed by rule 1 (ghcr.io/a*/**)",
		"alpine, index.docker.io/alpine":       "shadowed by rule 1 (alpine)",
		"LOCALHOST:5000/**, localhost:05000/x": "shadowed by rule 1 (LOCALHOST:5000/**)",
		"library/alpine":                       "",
		"'*.acme.example:5000/**'":             "",
		"'**/web'":                             "",
		"localhost:5000/x":                     "",
	} {
		var text strings.Builder
		for rule := range strings.SplitSeq(rules, ", ") {
			text.WriteString("- {match: " + rule + ", key: cosign.pub}\n")
		}
		p, err := Parse(filepath.Join(dir, "p.yml"), []byte("rules:\n"+text.String()))
		must(t, err)
		got := ""
		for _, warning := range p.Warnings {
			got += warning.String()
		}
		if (got == "") != (want == "") || !strings.Contains(got, want) || want != "" && !strings.Contains(got, "p.yml:") {
			t.Errorf("%s:\ngot  %s\nwant %s", rules, got, want)
		}
	}
}

// TestAnchorsExpressions: an expression that is not anchored gets a warning, and does not
// match a longer value.
func TestAnchorsExpressions(t *testing.T) {
	t.Parallel()
	for expression, tt := range map[string]struct{ used, match, mismatch string }{
		"^a$":        {match: "a", mismatch: "ba"},
		"^(a|b)$":    {match: "b", mismatch: "ab"},
		"^a$|^b$":    {match: "b", mismatch: "ab"},
		"acme":       {used: "^(?:acme)$", match: "acme", mismatch: "evil/acme"},
		"^a|b$":      {used: "^(?:^a|b$)$", match: "b", mismatch: "a/evil"},
		"^acme":      {used: "^(?:^acme)$", match: "acme", mismatch: "acme.evil"},
		"(?m)^a$":    {used: "^(?:(?m)^a$)$", match: "a", mismatch: "evil\na"},
		"(?m:^)a$":   {used: "^(?:(?m:^)a$)$", match: "a", mismatch: "evil\na"},
		"(?s).*acme": {used: "^(?:(?s).*acme)$", match: "x/acme", mismatch: "x/acme.evil"},
	} {
		text := "rules: [{match: demo.example/x, keyless: {issuer: i, subjectRegExp: '" + expression + "'}}]"
		p, err := Parse("p.yml", []byte(text))
		must(t, err)
		warnings := fmt.Sprint(p.Warnings)
		if (tt.used == "") != (len(p.Warnings) == 0) || tt.used != "" && !strings.Contains(warnings, "used as "+tt.used+",") {
			t.Errorf("%s: %s", expression, warnings)
		}
		if name := p.Rules[0].Signers()[0].Name(); !strings.Contains(name, tt.used) {
			t.Errorf("%s: signer %s", expression, name)
		}
		re := regexp.MustCompile(p.Rules[0].Keyless.SubjectRegExp)
		if !re.MatchString(tt.match) || re.MatchString(tt.mismatch) {
			t.Errorf("%s: matches %q: %v, %q: %v", expression, tt.match, re.MatchString(tt.match), tt.mismatch, re.MatchString(tt.mismatch))
		}
	}
}

// TestRejectsSignatureAsAttestation: every rule requires it.
func TestRejectsSignatureAsAttestation(t *testing.T) {
	t.Parallel()
	text := "rules: [{match: '**', key: cosign.pub, attestations: [{type: '" + SignPredicate + "'}]}]"
	_, err := Parse(filepath.Join(newKey(t), "policy.yml"), []byte(text))
	if !errors.Is(err, strict.ErrInvalid) || !strings.Contains(err.Error(), "is the signature itself") {
		t.Errorf("got %v", err)
	}
}

// TestMistakesInCUEHavePositions: in the policy, and in the file that it names.
func TestMistakesInCUEHavePositions(t *testing.T) {
	t.Parallel()
	dir := newKey(t)
	write(t, dir, "right.cue", "package policy\n\npredicate: id: \"x\"\n")
	write(t, dir, "wrong.cue", "predicate: id: unknown\n")
	write(t, dir, "large.cue", "// "+strings.Repeat("x", 256<<10))
	const policy = "rules:\n- match: '**'\n  key: cosign.pub\n  attestations:\n  - type: vuln\n    cue: "
	const at = "policy.yml:6:5: rules[0]: attestations[0]: cue: "
	for cue, want := range map[string]string{
		"right.cue":   "",
		"./right.cue": "",
		"|\n      predicate: id: \"x\"\n      predicateType: string\n": "",
		"wrong.cue":    at + `wrong.cue:1:16: predicate.id: reference "unknown" not found`,
		"large.cue":    "large.cue: file is too large; the limit is 262145 bytes",
		"none.cue":     "none.cue: no such file",
		"'predicate:'": at + "CUE:1:11: ",
		"''":           at + "requires nothing",
		"[a]":          "cue: must be a string",
	} {
		_, err := Parse(filepath.Join(dir, "policy.yml"), []byte(policy+cue))
		if want == "" && err != nil {
			t.Errorf("%s: %v", cue, err)
		}
		if want != "" && (!errors.Is(err, strict.ErrInvalid) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n")) {
			t.Errorf("%s:\ngot  %v\nwant %s", cue, err, want)
		}
	}
}

// TestParsesDocumentedExample: the policy of the documentation, with a constraint.
func TestParsesDocumentedExample(t *testing.T) {
	t.Parallel()
	p, err := Parse(filepath.Join(newKey(t), "policy.yml"), []byte(`
default: digest               # signed | digest (pinned in manifest or lock) | any
rules:                        # first match wins
  - match: ghcr.io/acme/**
    key: cosign.pub
  - match: linuxkit/**
    keyless: {issuer: https://token.actions.githubusercontent.com, subject: https://github.com/linuxkit/linuxkit}
    attestations: [{type: slsaprovenance1, cue: 'predicate: runDetails: builder: id: =~"^https://github[.]com/"'}]
`))
	must(t, err)
	a := &p.Rules[1].Attestations[0]
	if a.Type != "https://slsa.dev/provenance/v1" || a.Constraint() == nil {
		t.Fatalf("got %+v", a)
	}
	statement := fmt.Appendf(nil, `{"predicateType": %q, "predicate": {"runDetails": {"builder": {"id": "https://github.com/x"}}}}`, a.Type)
	if err := a.Constraint().Check(t.Context(), statement); err != nil {
		t.Error(err)
	}
}

// Public keys that neither Go nor sigstore generates, made with openssl genpkey.
const (
	rsa1024 = "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDHI81qJmW8iDKA4mCmPyCqpf45B2ci+7SZr1eSfv1nKuYqo0sxr1lIzqossIqUti4JfcQNAcYwI2BY" +
		"PUvaO/MJmPYcNOXL1gSUBToVitXr3eAp36BSlH1zkR8A8c1Icx4EwhNb3pA5eEFOVdVugL+cSpZ6US5RbUC/Wh9Ih2/pAQIDAQAB"
	x25519    = "MCowBQYDK2VuAyEAHohUOSDgPFPo2016I0h4jOImOGSbUL3aNqiNfzOiPiI="
	secp256k1 = "MFYwEAYHKoZIzj0CAQYFK4EEAAoDQgAEIHU53o0d4nMjKeEIHFn/hUwaN1y/Dw8e8NJptwAiM7ikHJZAVP0hOaE7HQvH3WN1cAoiiDBB56yvLi17EcHI3w=="
)

func publicPEM(t *testing.T, base64DER string) string {
	t.Helper()
	der, err := base64.StdEncoding.DecodeString(base64DER)
	must(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

func TestRejectsWeakAndMalformedKeys(t *testing.T) {
	t.Parallel()
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	must(t, err)
	p224Public, err := cryptoutils.MarshalPublicKeyToPEM(p224.Public())
	must(t, err)
	p224Private, err := x509.MarshalPKCS8PrivateKey(p224)
	must(t, err)
	privatePEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: p224Private})
	for name, tt := range map[string]struct{ pem, want string }{
		"RSA of 1024 bits": {pem: publicPEM(t, rsa1024), want: "key size not supported: 1024; use ECDSA P-256"},
		"ECDSA P-224":      {pem: string(p224Public), want: "use ECDSA P-256"},
		"X25519":           {pem: publicPEM(t, x25519), want: "use ECDSA P-256"},
		"private key":      {pem: string(privatePEM), want: "not a public key in PEM"},
		"ECDSA secp256k1":  {pem: publicPEM(t, secp256k1), want: "not a public key in PEM"},
		"empty file":       {want: "not a public key in PEM"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			write(t, dir, "key.pub", tt.pem)
			_, err := Parse(filepath.Join(dir, "policy.yml"), []byte("rules: [{match: '**', key: key.pub}]"))
			if err == nil || !strings.Contains(err.Error(), "policy.yml:1:") || !strings.Contains(err.Error(), "key.pub: ") {
				t.Fatalf("got %v", err)
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
}
