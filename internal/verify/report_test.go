package verify

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/org/linuxkit-action/internal/component"
	"github.com/org/linuxkit-action/internal/manifest"
	"github.com/org/linuxkit-action/internal/manifest/strict"
	"github.com/org/linuxkit-action/internal/verify/report"
	"github.com/org/linuxkit-action/internal/verify/signer"
)

func TestReportHasEveryFactOfAResult(t *testing.T) {
	t.Parallel()
	reference, err := manifest.ParseReference("acme/web:1")
	must(t, err)
	hash := func(digit string) v1.Hash { return v1.Hash{Algorithm: "sha256", Hex: strings.Repeat(digit, 64)} }
	c := &component.Component{
		Reference: reference, IndexDigest: hash("a"), PlatformDigest: hash("b"),
		Uses: []manifest.Use{{Role: "service", Name: "web", Place: strict.Place{File: "os.yml", Line: 4, Column: 17}}},
	}
	signature := signer.Signature{Signer: "key sha256:" + strings.Repeat("d", 64)}
	violation := fmt.Errorf("%w: no signature by key a.pub (policy rule 1)", ErrRefused)
	for want, result := range map[string]Result{
		report.Signed:    {Component: c, Rule: "rule 1 (**)", Signatures: []signer.Signature{signature}},
		report.Accepted:  {Component: c, Rule: ruleDefault + "any"},
		report.Refused:   {Component: c, Rule: "rule 1 (**)", Violation: violation},
		report.Unchecked: {Component: c, Rule: ruleOff},
	} {
		verified := &Verified{set: &component.Set{Arch: "amd64"}, results: []Result{result}}
		made := ReportOf(verified, nil)
		got := made.Components[0]
		if made.Version != report.Version || made.Arch != "amd64" || got.Verdict != want || got.Rule != result.Rule {
			t.Errorf("%s: %+v", want, made)
		}
		if got.Reference != "index.docker.io/acme/web:1" || got.Image != "docker.io/acme/web:1" || got.Uses[0].Place != "os.yml:4:17" {
			t.Errorf("%s: %+v", want, got)
		}
		if got.IndexDigest != hash("a").String() || got.PlatformDigest != hash("b").String() {
			t.Errorf("%s: %+v", want, got)
		}
		if (want == report.Refused) != (got.Reason == "no signature by key a.pub (policy rule 1)") {
			t.Errorf("%s: reason %q", want, got.Reason)
		}
	}
}

// TestRefusalHasReport: components that are refused cannot be built, and are reported with
// all others.
func TestRefusalHasReport(t *testing.T) {
	t.Parallel()
	trusted, _ := newKeyPairs(t)
	repository, _ := pushOne(t, "1")
	verified, err := check(t, repository+":1", signedBy(t, trusted), Enforce)
	refusal := ReportOf(verified, fmt.Errorf("verify: %w", err))
	if verified != nil || !errors.Is(err, ErrRefused) || refusal == nil || refusal.Components[0].Verdict != report.Refused {
		t.Errorf("%v, %v, %+v", verified, err, refusal)
	}
	if r := ReportOf(nil, component.ErrUnavailable); r != nil {
		t.Errorf("a report without a verdict: %+v", r)
	}
}

// TestCountsFirstSignatureOfASigner: in whatever order the registry lists them.
func TestCountsFirstSignatureOfASigner(t *testing.T) {
	t.Parallel()
	first, second := signer.Signature{Signer: "a", Certificate: "1"}, signer.Signature{Signer: "a", Certificate: "2"}
	for _, order := range [][]signer.Signature{{first, second}, {second, first}} {
		count := newSignatureCount(signatureRequired, nil, signer.Options{})
		for _, s := range order {
			count.add(s)
		}
		if got := count.sorted(); len(got) != 1 || got[0] != first {
			t.Errorf("got %+v", got)
		}
	}
}
