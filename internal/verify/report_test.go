package verify

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/org/linuxkit-action/internal/component"
	"github.com/org/linuxkit-action/internal/manifest"
	"github.com/org/linuxkit-action/internal/manifest/strict"
)

// result is one for an image of the given name.
func result(t *testing.T, image string, miss error, signatures ...Signature) Result {
	t.Helper()
	reference, err := manifest.ParseReference(image)
	if err != nil {
		t.Fatal(err)
	}
	hash := func(digit string) v1.Hash { return v1.Hash{Algorithm: "sha256", Hex: strings.Repeat(digit, 64)} }
	c := &component.Component{
		Reference: reference, IndexDigest: hash("a"), PlatformDigest: hash("b"),
		Uses: []manifest.Use{{Role: "service", Name: "web", Place: strict.Place{File: "os.yml", Line: 4, Column: 17}}},
	}
	return Result{Component: c, Rule: "rule 1 (**)", Signatures: signatures, Miss: miss}
}

var (
	byCertificate = Signature{"release@acme.example (by https://issuer.example)", strings.Repeat("c", 64), time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	byKeyOnly     = Signature{Signer: "key sha256:" + strings.Repeat("d", 64)}
)

func reportOn(results ...Result) *Report {
	return (&Verified{&component.Set{Arch: "amd64"}, results}).report()
}

// TestReportForPrograms is the form of verify.json.
func TestReportForPrograms(t *testing.T) {
	t.Parallel()
	miss := fmt.Errorf("%w: no signature by key a.pub (policy rule 1)", ErrRefused)
	text, err := reportOn(result(t, "acme/web:1", nil, byCertificate, byKeyOnly), result(t, "acme/db", miss)).JSON()
	if err != nil {
		t.Fatal(err)
	}
	uses := `"uses": [{"role": "service", "name": "web", "place": "os.yml:4:17"}]`
	digests := `"digest": "sha256:` + strings.Repeat("a", 64) + `", "platformDigest": "sha256:` + strings.Repeat("b", 64) + `", "rule": "rule 1 (**)"`
	want := `{"version": 1, "arch": "amd64", "components": [
		{` + uses + `, "reference": "index.docker.io/acme/web:1", ` + digests + `, "verdict": "signed", "signatures": [
			{"signer": "release@acme.example (by https://issuer.example)", "certificate": "` + strings.Repeat("c", 64) + `", "time": "2026-01-02T03:04:05Z"},
			{"signer": "key sha256:` + strings.Repeat("d", 64) + `"}]},
		{` + uses + `, "reference": "index.docker.io/acme/db:latest", ` + digests + `, "verdict": "refused", "signatures": [],
			"reason": "no signature by key a.pub (policy rule 1)"}]}`
	if got, want := compact(t, text), compact(t, []byte(want)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if text, err = reportOn().JSON(); err != nil || compact(t, text) != `{"version":1,"arch":"amd64","components":[]}` {
		t.Errorf("of nothing: %s, %v", text, err)
	}
}

// compact writes JSON without blanks, its keys in their order.
func compact(t *testing.T, text []byte) string {
	t.Helper()
	var out strings.Builder
	for dec := json.NewDecoder(strings.NewReader(string(text))); dec.More(); {
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			t.Fatal(err)
		}
		b, err := json.Marshal(raw)
		if err != nil {
			t.Fatal(err)
		}
		out.Write(b)
	}
	return out.String()
}

func TestVerdicts(t *testing.T) {
	t.Parallel()
	accepted, off := result(t, "acme/web", nil), result(t, "acme/web", nil)
	accepted.Rule, off.Rule = "default: digest", ruleOff
	long := fmt.Errorf("%w: %s", ErrRefused, strings.Repeat("é", 80))
	for _, tt := range []struct {
		result        Result
		verdict, line string
	}{
		{result(t, "acme/web", nil, byKeyOnly), Signed, "✓ signed by key dddddddddddd, rule 1 (**)"},
		{result(t, "acme/web", nil, byCertificate), Signed, "✓ signed by release@acme.example (by https://issuer.example) at 2026-01-02 03:04:05Z, certificate cccccccccccc, rule 1 (**)"},
		{result(t, "acme/web", nil, byCertificate, byKeyOnly), Signed, "certificate cccccccccccc; key dddddddddddd, rule 1 (**)"},
		{result(t, "acme/web", fmt.Errorf("%w: it has no signature", ErrRefused)), Refused, "✗ not by policy, rule 1 (**): it has no signature\n"},
		{result(t, "acme/web", long, byKeyOnly), Refused, "✗ not by policy, rule 1 (**): " + strings.Repeat("é", 72) + "…\n"},
		{accepted, Accepted, "✓ accepted, default: digest"},
		{off, Unchecked, "- not checked, --verify off"},
	} {
		var table strings.Builder
		if err := reportOn(tt.result).WriteTable(&table); err != nil {
			t.Fatal(err)
		}
		if tt.result.Verdict() != tt.verdict || !strings.Contains(table.String(), tt.line) {
			t.Errorf("%s: no %q in\n%s", tt.result.Verdict(), tt.line, table.String())
		}
	}
}

// TestMarkdownIsATable: a row for each component, whatever strangers have written into
// names, subjects and reasons; none of it means anything to Markdown or to the runner.
func TestMarkdownIsATable(t *testing.T) {
	t.Parallel()
	evil := "a|b <img src=x> [x](http://evil.example) `c`\n::error::x\n##[error]x"
	hostile := result(t, "acme/web", nil, Signature{Signer: evil})
	hostile.Rule, hostile.Component.Uses[0].Name = evil, evil
	refused := result(t, "acme/db", fmt.Errorf("%w: %s", ErrRefused, evil))
	text := reportOn(hostile, result(t, "acme/web", nil, byCertificate, byKeyOnly), refused).Markdown()
	lines := strings.Split(strings.TrimSpace(text), "\n")
	if len(lines) != 7 || lines[0] != "## Components: 1 of 3 not by policy" {
		t.Errorf("%d lines:\n%s", len(lines), text)
	}
	for _, line := range lines[2:] {
		if strings.Count(line, "|") != 7 {
			t.Errorf("%d bars in %s", strings.Count(line, "|"), line)
		}
	}
	for _, meaning := range []string{"<img", "](", "`", "::", "##["} {
		if strings.Contains(text, meaning) {
			t.Errorf("%q in\n%s", meaning, text)
		}
	}
	if want := "| ✅ signed | release&#64;acme&#46;example &#40;by https&#58;&#47;&#47;issuer&#46;example&#41; at 2026&#45;01&#45;02 03&#58;04&#58;05Z, certificate cccccccccccc<br>key dddddddddddd | rule 1 &#40;&#42;&#42;&#41; |"; !strings.Contains(text, want) {
		t.Errorf("no %q in\n%s", want, text)
	}
	if text := reportOn(result(t, "acme/web", nil, byKeyOnly)).Markdown(); !strings.HasPrefix(text, "## Components\n\n| ") {
		t.Errorf("nothing is refused:\n%s", text)
	}
}

// TestRefusalHasAllComponents: who was refused cannot be built, and yet is told of, with
// those that are right.
func TestRefusalHasAllComponents(t *testing.T) {
	t.Parallel()
	ours, _ := keys(t)
	repository, _ := pushOne(t, "1")
	verified, err := check(t, repository+":1", mustSign(t, ours), Enforce)
	report := ReportOf(verified, fmt.Errorf("verify: %w", err))
	if verified != nil || !errors.Is(err, ErrRefused) || report == nil || report.Components[0].Verdict != Refused {
		t.Errorf("%v, %v, %+v", verified, err, report)
	}
	if report := ReportOf(nil, component.ErrUnavailable); report != nil {
		t.Errorf("no verdict, and a report: %+v", report)
	}
}

// TestOfOneSignerTheFirstSignatureCounts: in whatever order a registry lists them.
func TestOfOneSignerTheFirstSignatureCounts(t *testing.T) {
	t.Parallel()
	at := func(certificate string, minute int) Signature {
		return Signature{"a", certificate, time.Date(2026, 1, 1, 0, minute, 0, 0, time.UTC)}
	}
	unproven := Signature{Signer: "a", Certificate: "1"}
	for name, tt := range map[string]struct{ first, other Signature }{
		"the older":          {at("9", 1), at("1", 2)},
		"the proven":         {at("9", 1), unproven},
		"at once: by digest": {at("1", 1), at("2", 1)},
	} {
		for _, order := range [][]Signature{{tt.first, tt.other}, {tt.other, tt.first}} {
			counted := &tally{by: map[string]Signature{}}
			for _, s := range order {
				counted.count(s)
			}
			if counted.by["a"] != tt.first {
				t.Errorf("%s: %+v", name, counted.by["a"])
			}
		}
	}
}
