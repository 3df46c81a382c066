package verify

import (
	"testing"

	"github.com/org/linuxkit-action/fixtures/sigstore"
)

// TestChecksWorkflowOfCertificate: the subject may be a workflow that another repository
// calls; the extensions name the caller.
func TestChecksWorkflowOfCertificate(t *testing.T) {
	t.Parallel()
	p := startServices(t)
	type workflowCase struct{ rule, want string }
	runConcurrently(t, map[string]workflowCase{
		"repository":       {rule: "repository: acme/web"},
		"repository URL":   {rule: "repository: 'https://github.com/acme/*'"},
		"all":              {rule: "repository: acme/web, ref: 'refs/tags/v*', event: push, runner: github-hosted"},
		"other repository": {rule: "repository: eve/web", want: `certificate has repository "https://github.com/acme/web", want `},
		"owner only":       {rule: "repository: acme", want: "certificate has repository "},
		"other host":       {rule: "repository: 'https://evil.example/acme/web'", want: "certificate has repository "},
		"ref":              {rule: "ref: refs/heads/main", want: `certificate has ref "refs/tags/v1", want `},
		"event":            {rule: "event: pull_request", want: `certificate has event "push", want `},
		"runner":           {rule: "runner: self-hosted", want: `certificate has runner "github-hosted", want `},
	}, func(t *testing.T, tt workflowCase) {
		repository, digest := p.push(t, referrersTag)
		must(t, p.trusted.SignWithoutLog(digest, p.token(t, sigstore.Release)))
		subject := "subject: '" + sigstore.Release.Subject() + "', " + tt.rule
		signatures := checkVerdict(t, repository, p.policyFor(t, p.trusted.TrustedRoot(), subject, ""), tt.want)
		if tt.want == "" && (len(signatures) != 1 || signatures[0].Repository != "https://github.com/acme/web" || signatures[0].Event != "push") {
			t.Errorf("got %+v", signatures)
		}
	})
}

// TestRequiresSCT: a root without a CT log is accepted if the rule says so.
func TestRequiresSCT(t *testing.T) {
	t.Parallel()
	p := startServices(t)
	repository, digest := p.push(t, referrersTag)
	must(t, p.trusted.SignWithoutLog(digest, p.token(t, sigstore.Release)))
	text := "trustedRoot: " + p.trusted.TrustedRoot() + "\nrules: [{match: '**', keyless: {issuer: '" + p.trusted.Issuers.Actions +
		"', subject: '" + sigstore.Release.Subject() + "'}, log: none"
	checkVerdict(t, repository, parsePolicy(t, t.TempDir(), text+", sct: none}]"), "")
	checkVerdict(t, repository, parsePolicy(t, t.TempDir(), text+"}]"), "trusted root has no CT log")
}
