package verify

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/org/linuxkit-action/fixtures/image"
	"github.com/org/linuxkit-action/fixtures/registry"
	"github.com/org/linuxkit-action/internal/component"
	"github.com/org/linuxkit-action/internal/manifest"
	"github.com/org/linuxkit-action/internal/manifest/strict"
	"github.com/org/linuxkit-action/internal/progress"
	"github.com/sigstore/sigstore-go/pkg/fulcio/certificate"
)

// keys makes two key pairs: ours and a stranger's.
func keys(t *testing.T) (ours, theirs string) {
	t.Helper()
	ours, theirs = t.TempDir(), t.TempDir()
	for _, dir := range []string{ours, theirs} {
		if err := registry.NewKey(dir); err != nil {
			t.Fatal(err)
		}
	}
	return ours, theirs
}

func signWith(t *testing.T, reference, key string) {
	t.Helper()
	digest, err := name.NewDigest(reference)
	if err != nil {
		t.Fatal(err)
	}
	if err := registry.Sign(t.Context(), digest, key); err != nil {
		t.Fatal(err)
	}
}

// check resolves one service and holds it against a policy.
func check(t *testing.T, reference string, policy *Policy, mode string) (*Verified, error) {
	t.Helper()
	m, err := manifest.Load(t.Context(), []string{"-"}, manifest.Options{Stdin: strings.NewReader("services: [{name: web, image: '" + reference + "'}]")})
	if err != nil {
		t.Fatal(err)
	}
	set, err := component.Resolve(t.Context(), m, "amd64", &component.Registry{}, progress.Silent())
	if err != nil {
		t.Fatal(err)
	}
	return Check(t.Context(), set, policy, mode, progress.Silent())
}

// mustSign is the policy that key signs everything.
func mustSign(t *testing.T, key string) *Policy {
	t.Helper()
	policy, err := ParsePolicy(filepath.Join(key, "policy.yml"), []byte("default: signed\nrules: [{match: '**', key: cosign.pub}]"))
	if err != nil {
		t.Fatal(err)
	}
	return policy
}

// moveSignatures makes the signatures of one digest look like those of another.
func moveSignatures(t *testing.T, repository string, from, to v1.Hash) {
	t.Helper()
	tag := func(h v1.Hash) name.Tag {
		tag, err := name.NewTag(repository + ":sha256-" + h.Hex + ".sig")
		if err != nil {
			t.Fatal(err)
		}
		return tag
	}
	signatures, err := remote.Image(tag(from))
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(tag(to), signatures); err != nil {
		t.Fatal(err)
	}
}

func TestSignaturesThatCountAndLiesThatDoNot(t *testing.T) {
	t.Parallel()
	ours, theirs := keys(t)
	policy := mustSign(t, ours)
	content := func(text string) v1.Image {
		return image.Make(t, v1.Config{}, image.Layer(t, image.File("a", text)))
	}
	for name, tt := range map[string]struct {
		prepare func(repository string, digest v1.Hash)
		want    string
	}{
		"signed by our key":     {func(r string, d v1.Hash) { signWith(t, r+"@"+d.String(), ours) }, ""},
		"signed by both":        {func(r string, d v1.Hash) { signWith(t, r+"@"+d.String(), theirs); signWith(t, r+"@"+d.String(), ours) }, ""},
		"not signed":            {func(string, v1.Hash) {}, "it has no signature"},
		"signed by another key": {func(r string, d v1.Hash) { signWith(t, r+"@"+d.String(), theirs) }, "no signature by key cosign.pub"},
		"signature of other bytes": {func(r string, d v1.Hash) {
			other := image.Push(t, content("other"), r+":other")
			signWith(t, r+"@"+other.String(), ours)
			moveSignatures(t, r, other, d)
		}, "no signature by key cosign.pub"},
		"tag moved to unsigned bytes": {func(r string, d v1.Hash) {
			signWith(t, r+"@"+d.String(), ours)
			image.Push(t, content("moved"), r+":1")
		}, "it has no signature"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			repository := image.Serve(t, nil) + "/web"
			tt.prepare(repository, image.Push(t, content("ours"), repository+":1"))
			verified, err := check(t, repository+":1", policy, Enforce)
			if tt.want == "" {
				if err != nil || !strings.HasPrefix(verified.Results()[0].Signer, "key sha256:") {
					t.Errorf("refused: %v", err)
				}
				return
			}
			if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), `services[0] "web"`) {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
}

func TestIndexOrImageMayBeSigned(t *testing.T) {
	t.Parallel()
	ours, _ := keys(t)
	for _, signed := range []string{"index", "image"} {
		repository := image.Serve(t, nil) + "/web"
		made := image.Make(t, v1.Config{}, image.Layer(t, image.File("a", "1")))
		inner := image.Push(t, made, repository+":amd64")
		index := mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: made, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "amd64"}}})
		image.PushIndex(t, index, repository+":1")
		outer, err := index.Digest()
		if err != nil {
			t.Fatal(err)
		}
		if signed == "image" {
			outer = inner
		}
		if _, err := check(t, repository+":1", mustSign(t, ours), Enforce); !errors.Is(err, ErrRefused) {
			t.Errorf("before signing: %v", err)
		}
		signWith(t, repository+"@"+outer.String(), ours)
		if _, err := check(t, repository+":1", mustSign(t, ours), Enforce); err != nil {
			t.Errorf("%s signed: %v", signed, err)
		}
	}
}

func TestWithoutARuleTheDefaultDecides(t *testing.T) {
	t.Parallel()
	repository := image.Serve(t, nil) + "/web"
	digest := image.Push(t, image.Make(t, v1.Config{}, image.Layer(t, image.File("a", "1"))), repository+":1")
	for name, tt := range map[string]struct{ policy, reference, want string }{
		"tag, digest wanted":    {"digest", ":1", "named by a tag, which can move; write @" + digest.String()},
		"digest, digest wanted": {"digest", "@" + digest.String(), ""},
		"tag, all welcome":      {"any", ":1", ""},
		"digest, signer wanted": {"signed", "@" + digest.String(), "no rule says who may sign it"},
	} {
		_, err := check(t, repository+tt.reference, &Policy{Default: tt.policy}, Enforce)
		if (err == nil) != (tt.want == "") || (err != nil && !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: %v", name, err)
		}
	}
	verified, err := check(t, repository+":1", &Policy{Default: MustBePinned}, Warn)
	if err != nil || verified.Results()[0].Miss == nil {
		t.Errorf("a warning ended the run, or was not given: %v", err)
	}
	if verified, err = check(t, repository+":1", nil, Off); err != nil || len(verified.Results()) != 1 {
		t.Errorf("off: %v", err)
	}
}

// TestLockedIsPinned: the lock names a digest as the manifest would, and offline what was
// learned of signatures still counts.
func TestLockedIsPinned(t *testing.T) {
	t.Parallel()
	ours, theirs := keys(t)
	repository := image.Serve(t, nil) + "/web"
	digest := image.Push(t, image.Make(t, v1.Config{}, image.Layer(t, image.File("a", "1"))), repository+":1")
	signWith(t, repository+"@"+digest.String(), ours)
	m, err := manifest.Load(t.Context(), []string{"-"}, manifest.Options{Stdin: strings.NewReader("services: [{name: web, image: '" + repository + ":1'}]")})
	if err != nil {
		t.Fatal(err)
	}
	cache, err := component.OpenCache(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	registry := &component.Registry{Cache: cache}
	for _, offline := range []bool{false, true} {
		registry = &component.Registry{Cache: cache, Lock: registry.Lock, Offline: offline}
		set, err := component.Resolve(t.Context(), m, "amd64", registry, progress.Silent())
		if err != nil {
			t.Fatal(err)
		}
		if registry.Lock, err = set.Lock(); err != nil {
			t.Fatal(err)
		}
		for name, tt := range map[string]struct {
			policy *Policy
			want   error
		}{
			"pinned":           {&Policy{Default: MustBePinned}, nil},
			"signed by ours":   {mustSign(t, ours), nil},
			"signed by theirs": {mustSign(t, theirs), ErrRefused},
		} {
			if _, err := Check(t.Context(), set, tt.policy, Enforce, progress.Silent()); !errors.Is(err, tt.want) {
				t.Errorf("%s, offline %v: %v", name, offline, err)
			}
		}
	}
}

func TestTrustDemandsASignature(t *testing.T) {
	t.Parallel()
	ours, _ := keys(t)
	host := image.Serve(t, nil)
	digest := image.Push(t, image.Make(t, v1.Config{}, image.Layer(t, image.File("a", "1"))), host+"/acme/web:1")
	try := func(trust string, policy *Policy, mode string) error {
		text := "trust: " + trust + "\nservices: [{name: web, image: '" + host + "/acme/web:1'}]"
		m, err := manifest.Load(t.Context(), []string{"-"}, manifest.Options{Stdin: strings.NewReader(text)})
		if err != nil {
			t.Fatal(err)
		}
		set, err := component.Resolve(t.Context(), m, "amd64", &component.Registry{}, progress.Silent())
		if err != nil {
			t.Fatal(err)
		}
		_, err = Check(t.Context(), set, policy, mode, progress.Silent())
		return err
	}
	anything := &Policy{Default: MayBeAny}
	for trust, demanded := range map[string]bool{
		"{org: ['" + host + "/acme']}":         true,
		"{org: ['" + host + "/ac']}":           false,
		"{org: [acme]}":                        false, // that is Docker Hub's
		"{image: ['" + host + "/acme/web']}":   true,
		"{image: ['" + host + "/acme/web:1']}": true,
		"{image: ['" + host + "/acme/web:2']}": false,
		"{image: ['" + host + "/acme/w']}":     false,
	} {
		for mode, enforced := range map[string]bool{Enforce: true, Warn: true, Off: false} {
			if err := try(trust, anything, mode); errors.Is(err, ErrRefused) != (demanded && enforced) {
				t.Errorf("%s, %s: %v", trust, mode, err)
			}
		}
	}
	if err := try("{org: ['"+host+"/acme']}", mustSign(t, ours), Warn); !errors.Is(err, ErrRefused) {
		t.Errorf("a rule says whose signature is missing, and that is only a warning: %v", err)
	}
	signWith(t, host+"/acme/web@"+digest.String(), ours)
	if err := try("{org: ['"+host+"/acme']}", mustSign(t, ours), Enforce); err != nil {
		t.Errorf("signed: %v", err)
	}
}

// TestRegistryDownIsNoVerdict: what cannot be asked is neither good nor refused.
func TestRegistryDownIsNoVerdict(t *testing.T) {
	t.Parallel()
	ours, _ := keys(t)
	repository := image.Serve(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, ".sig") {
				w.WriteHeader(http.StatusTooManyRequests)
				return
			}
			next.ServeHTTP(w, r)
		})
	}) + "/web"
	image.Push(t, image.Make(t, v1.Config{}, image.Layer(t, image.File("a", "1"))), repository+":1")
	_, err := check(t, repository+":1", mustSign(t, ours), Warn)
	if !errors.Is(err, component.ErrUnavailable) || errors.Is(err, ErrRefused) {
		t.Errorf("got %v", err)
	}
}

func TestPolicyMistakesAreTold(t *testing.T) {
	t.Parallel()
	ours, _ := keys(t)
	os.WriteFile(filepath.Join(ours, "text"), []byte("no key"), 0o600)
	for in, want := range map[string]string{
		"default: none": `default: "none" must be one of signed, digest, any`,
		"rules: [{match: x, keyless: {issuer: i, subject: s}, key: cosign.pub}]":          "give one of key, keys, keyless",
		"rules: [{match: x, keys: []}]":                                                   "must be 1 to 32 keys",
		"rules: [{match: x, keys: [cosign.pub, ./cosign.pub]}]":                           "./cosign.pub is there twice",
		"rules: [{match: x, keys: [cosign.pub], threshold: 2}]":                           "2 must be 1 to 1",
		"rules: [{match: x, keys: [cosign.pub], threshold: 0}]":                           "0 must be 1 to 1",
		"rules: [{match: x, key: cosign.pub, threshold: 1}]":                              "there is only one signer",
		"rules: [{match: x, key: cosign.pub, log: yes please}]":                           `"yes please" must be required`,
		"rules: [{match: x, key: 'https://acme.example/cosign.pub'}]":                     "no better than its server",
		"rules: [{match: x, key: 'env://LINUXKIT_TEST_NO_KEY'}]":                          "is not a public key in PEM",
		"rules: [{match: x, key: cosign.pub, attestations: [{type: slsaprovenence1}]}]":   "did you mean slsaprovenance1?",
		"rules: [{match: x, key: cosign.pub, attestations: [{type: provenance}]}]":        "give its URI, or one of custom, cyclonedx",
		"rules: [{match: x, key: cosign.pub, attestations: [{type: vuln, cue: 'x: y'}]}]": `cue: CUE:1:4: x: reference "y" not found`,
		"rules: [{match: x, keyless: {issuer: i}}]":                                       "subject: must be given, or else subjectRegExp",
		"rules: [{match: x, keyless: {issuer: i, issuerRegExp: ^i$, subject: s}}]":        "and not both",
		"rules: [{match: x, keyless: {issuer: i, subjectRegExp: '^(a$'}}]":                "missing closing",
		"trustedRoot: none.json":                                                          "none.json: no such file",
		"trustedRoot: text":                                                               "is no trusted root",
		"rules: [{match: x}]":                                                             "rules[0]: must say who signs: give one of key, keys, keyless",
		"rules: [{match: x, key: none.pub}]":                                              "none.pub: no such file",
		"rules: [{match: x, key: text}]":                                                  "text is not a public key in PEM",
		"rules: [{match: x, key: cosign.pub, keyy: y}]":                                   `unknown key "keyy"; did you mean "key"?`,
		"rules: [{match: " + strings.Repeat("x", 300) + ", key: cosign.pub}]":             "is longer than 255",
	} {
		_, err := ParsePolicy(filepath.Join(ours, "p.yml"), []byte(in))
		if !errors.Is(err, strict.ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s:\ngot  %v\nwant %s", in, err, want)
		}
	}
	if _, _, err := LoadPolicy(filepath.Join(ours, "none.yml")); !errors.Is(err, ErrPolicy) {
		t.Errorf("a policy asked for and not there: %v", err)
	}
}

func TestRulesMatchWholeNames(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		pattern, image string
		want           bool
	}{
		{"ghcr.io/acme/**", "ghcr.io/acme/web:1", true},
		{"ghcr.io/acme/**", "ghcr.io/acme/deep/web:1", true},
		{"ghcr.io/acme/*", "ghcr.io/acme/deep/web:1", false},
		{"ghcr.io/acme/**", "ghcr.io/acme-evil/web:1", false},
		{"ghcr.io/acme/**", "evil.io/ghcr.io/acme/web", false},
		{"ghcr.io/acme/web", "ghcr.io/acme/web-evil:1", false},
		{"ghcr.io/acme/web", "ghcrxio/acme/web:1", false},
		{"linuxkit/**", "linuxkit/kernel:6", true},
		{"linuxkit/**", "evil.io/linuxkit/kernel:6", false},
		{"library/*", "alpine", true},
		{"docker.io/linuxkit/*", "linuxkit/init", true},
		{"**", "anything.io/at/all", true},
		{"localhost:5000/*", "localhost:5000/x", true},
	} {
		pattern, err := glob(tt.pattern)
		if err != nil {
			t.Fatal(err)
		}
		reference, err := manifest.ParseReference(tt.image)
		if err != nil {
			t.Fatal(err)
		}
		if got := pattern.matches(reference.Context()); got != tt.want {
			t.Errorf("%s matches %s: %v", tt.pattern, tt.image, got)
		}
	}
}

func TestTableShowsEveryComponent(t *testing.T) {
	t.Parallel()
	ours, _ := keys(t)
	repository := image.Serve(t, nil) + "/web"
	digest := image.Push(t, image.Make(t, v1.Config{}, image.Layer(t, image.File("a", "1"))), repository+":1")
	policy := mustSign(t, ours)
	show := func(mode string) string {
		verified, err := check(t, repository+":1", policy, mode)
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if err := ReportOf(verified, nil).WriteTable(&out); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	if got := show(Warn); !strings.Contains(got, "✗ not by policy, rule 1 (**)") {
		t.Errorf("unsigned:\n%s", got)
	}
	signWith(t, repository+"@"+digest.String(), ours)
	got := show(Enforce)
	for _, want := range []string{"service/web", digest.Hex[:12], "✓ signed by key", "rule 1 (**)"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

func FuzzParsePolicy(f *testing.F) {
	f.Add([]byte("default: signed\nrules: [{match: a/**, key: k}]"))
	f.Add([]byte("trustedRoot: p.yml\nrules: [{match: '**', keys: [env://A, b], threshold: 2, log: required}]"))
	f.Add([]byte("rules: [{match: '*/**', keyless: {issuer: https://i, subjectRegExp: ^(a|b)$}, attestations: [{type: vuln}]}]"))
	f.Add([]byte("rules: [{match: '**', key: env://A, attestations: [{type: vuln, cue: 'import \"list\", predicate: l: list.MatchN(1, {a!: [...]})'}]}]"))
	f.Add([]byte("rules: [{match: docker.io/*, keyless: {issuerRegExp: '(?m)^', subject: s}}, {match: 'x/**', key: awskms:///a}]"))
	f.Fuzz(func(t *testing.T, in []byte) {
		if _, err := ParsePolicy("p.yml", in); err != nil && !errors.Is(err, strict.ErrInvalid) {
			t.Errorf("no kind: %v", err)
		}
	})
}

func TestRulesThatDecideNothingAreWarnedOf(t *testing.T) {
	t.Parallel()
	ours, _ := keys(t)
	for rules, want := range map[string]string{
		"ghcr.io/acme/**, ghcr.io/acme/web": "rule 1 (ghcr.io/acme/**) is before it and matches all of it",
		"'**', linuxkit/*":                  "rule 1 (**) is before it",
		"linuxkit/*, docker.io/linuxkit/*":  "rule 1 (linuxkit/*) is before it",
		"ghcr.io/acme/web, ghcr.io/acme/**": "",
		"ghcr.io/acme/*, ghcr.io/acme/**":   "",
		"ghcr.io/acme/*, ghcr.io/acme/a/*":  "",
		"ghcr.io/a*/**, ghcr.io/acme/*-web": "rule 1 (ghcr.io/a*/**) is before it",
		"ghcr.io/Acme/web":                  "can never match",
		"ghcr.io/acme/web:1":                "can never match",
		"https://ghcr.io/acme/**":           "can never match",
		"alpine":                            "can never match",
		"ghcr.io":                           "can never match",
		"'*'":                               "can never match",
		"library/alpine":                    "",
		"'*.acme.example:5000/**'":          "",
		"'**/web'":                          "",
		"localhost:5000/x":                  "",
	} {
		var text strings.Builder
		for rule := range strings.SplitSeq(rules, ", ") {
			text.WriteString("- {match: " + rule + ", key: cosign.pub}\n")
		}
		policy, err := ParsePolicy(filepath.Join(ours, "p.yml"), []byte("rules:\n"+text.String()))
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, doubt := range policy.Warnings {
			got += doubt.String()
		}
		if (got == "") != (want == "") || !strings.Contains(got, want) || want != "" && !strings.Contains(got, "p.yml:") {
			t.Errorf("%s:\ngot  %s\nwant %s", rules, got, want)
		}
	}
}

// TestAnExpressionIsForTheWhole: one that is not anchored is warned of, and does not
// accept a look-alike for all that.
func TestAnExpressionIsForTheWhole(t *testing.T) {
	t.Parallel()
	for expression, tt := range map[string]struct{ taken, accepted, refused string }{
		"^a$":        {"", "a", "ba"},
		"^(a|b)$":    {"", "b", "ab"},
		"^a$|^b$":    {"", "b", "ab"},
		"acme":       {"^(?:acme)$", "acme", "evil/acme"},
		"^a|b$":      {"^(?:^a|b$)$", "b", "a/evil"},
		"^acme":      {"^(?:^acme)$", "acme", "acme.evil"},
		"(?m)^a$":    {"^(?:(?m)^a$)$", "a", "evil\na"},
		"(?m:^)a$":   {"^(?:(?m:^)a$)$", "a", "evil\na"},
		"(?s).*acme": {"^(?:(?s).*acme)$", "x/acme", "x/acme.evil"},
	} {
		policy, err := ParsePolicy("p.yml", []byte("rules: [{match: demo.example/x, keyless: {issuer: i, subjectRegExp: '"+expression+"'}}]"))
		if err != nil {
			t.Fatal(err)
		}
		warned := fmt.Sprint(policy.Warnings)
		if (tt.taken == "") != (len(policy.Warnings) == 0) || !strings.Contains(warned, "taken for "+tt.taken+",") && tt.taken != "" {
			t.Errorf("%s: %s", expression, warned)
		}
		for subject, want := range map[string]bool{tt.accepted: true, tt.refused: false} {
			who := certificate.Summary{SubjectAlternativeName: subject, Extensions: certificate.Extensions{Issuer: "i"}}
			if err := policy.Rules[0].Keyless.identity.Verify(who); (err == nil) != want {
				t.Errorf("%s: %q: %v", expression, subject, err)
			}
		}
	}
}

func TestFirstRuleThatMatchesCounts(t *testing.T) {
	t.Parallel()
	ours, theirs := keys(t)
	repository := image.Serve(t, nil) + "/acme/web"
	digest := image.Push(t, image.Make(t, v1.Config{}, image.Layer(t, image.File("a", "1"))), repository+":1")
	signWith(t, repository+"@"+digest.String(), ours)
	rule := func(match, dir string) string {
		return "- {match: '" + match + "', key: " + filepath.Join(dir, registry.PublicKey) + "}\n"
	}
	for _, tt := range []struct {
		rules string
		want  error
	}{
		{rule("**", ours) + rule("**/acme/*", theirs), nil},
		{rule("**/acme/*", theirs) + rule("**", ours), ErrRefused}, // the second is not asked
		{rule("**/other/*", theirs) + rule("**", ours), nil},
		{rule("**/other/*", ours), ErrRefused}, // none matches, and the image is not pinned
	} {
		policy, err := ParsePolicy("p.yml", []byte("rules:\n"+tt.rules))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := check(t, repository+":1", policy, Enforce); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v", tt.rules, err)
		}
	}
}

// TestDoubtsAreNoted: each time components are held against the policy.
func TestDoubtsAreNoted(t *testing.T) {
	t.Parallel()
	ours, _ := keys(t)
	policy, err := ParsePolicy(filepath.Join(ours, "p.yml"), []byte("rules: [{match: alpine, key: cosign.pub}]"))
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	report, err := progress.New("plain", &log)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Check(t.Context(), &component.Set{}, policy, Enforce, report); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(log.String(), `p.yml:1:`) || !strings.Contains(log.String(), "can never match") {
		t.Errorf("got %q", log.String())
	}
}

func TestForeignTextIsOneLine(t *testing.T) {
	t.Parallel()
	if got := printable("a\n::error::b\x1b[31m\u202e"); strings.ContainsAny(got, "\n\x1b\u202e") {
		t.Errorf("%q", got)
	}
	if got := printable(strings.Repeat("ä", 1000)); len(got) > 410 {
		t.Errorf("%d bytes", len(got))
	}
}
