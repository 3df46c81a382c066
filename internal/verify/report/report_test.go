package report

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/org/linuxkit-action/internal/verify/signer"
)

// newComponent returns a component of the given image and verdict.
func newComponent(image, verdict string, signatures ...signer.Signature) Component {
	return Component{
		Uses:           []Use{{Role: "service", Name: "web", Place: "os.yml:4:17"}},
		Reference:      "index.docker.io/" + image + ":1",
		Image:          image,
		IndexDigest:    "sha256:" + strings.Repeat("a", 64),
		PlatformDigest: "sha256:" + strings.Repeat("b", 64),
		Rule:           "rule 1 (**)",
		Verdict:        verdict,
		Signatures:     append([]signer.Signature{}, signatures...),
	}
}

func refused(image, reason string, signatures ...signer.Signature) Component {
	c := newComponent(image, Refused, signatures...)
	c.Reason = reason
	return c
}

func newReport(components ...Component) *Report {
	return &Report{Version: Version, Arch: "amd64", Components: append([]Component{}, components...)}
}

var (
	withCertificate = signer.Signature{
		Signer:      "release@acme.example (by https://issuer.example)",
		Certificate: strings.Repeat("c", 64),
		Time:        time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
	}
	withKey = signer.Signature{Signer: "key sha256:" + strings.Repeat("d", 64)}
)

// TestJSON fixes the form of verify.json.
func TestJSON(t *testing.T) {
	t.Parallel()
	web, db := newComponent("acme/web", Signed, withCertificate, withKey), refused("acme/db", "no signature by key a.pub")
	text, err := newReport(web, db).JSON()
	if err != nil {
		t.Fatal(err)
	}
	const uses = `"uses": [{"role": "service", "name": "web", "place": "os.yml:4:17"}]`
	digests := `"digest": "sha256:` + strings.Repeat("a", 64) + `", "platformDigest": "sha256:` + strings.Repeat("b", 64) + `"`
	want := `{"version": 1, "arch": "amd64", "components": [
		{` + uses + `, "reference": "index.docker.io/acme/web:1", ` + digests + `, "rule": "rule 1 (**)", "verdict": "signed",
			"signatures": [
			{"signer": "release@acme.example (by https://issuer.example)",
				"certificate": "` + strings.Repeat("c", 64) + `", "time": "2026-01-02T03:04:05Z"},
			{"signer": "key sha256:` + strings.Repeat("d", 64) + `"}]},
		{` + uses + `, "reference": "index.docker.io/acme/db:1", ` + digests + `, "rule": "rule 1 (**)", "verdict": "refused",
			"signatures": [], "reason": "no signature by key a.pub"}]}`
	if got, want := compact(t, text), compact(t, []byte(want)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if text, err = newReport().JSON(); err != nil || compact(t, text) != `{"version":1,"arch":"amd64","components":[]}` {
		t.Errorf("without components: %s, %v", text, err)
	}
}

// compact removes white space from JSON and keeps the order of keys.
func compact(t *testing.T, text []byte) string {
	t.Helper()
	compacted, err := json.Marshal(json.RawMessage(text))
	if err != nil {
		t.Fatal(err)
	}
	return string(compacted)
}

func TestTableShowsVerdicts(t *testing.T) {
	t.Parallel()
	accepted, off := newComponent("acme/web", Accepted), newComponent("acme/web", Unchecked)
	accepted.Rule, off.Rule = "default: digest", "--verify off"
	const certificate = "release@acme.example (by https://issuer.example) at 2026-01-02 03:04:05Z, certificate cccccccccccc"
	for _, tt := range []struct {
		component Component
		want      string
	}{
		{newComponent("acme/web", Signed, withKey), "✓ signed by key dddddddddddd, rule 1 (**)"},
		{newComponent("acme/web", Signed, withCertificate), "✓ signed by " + certificate + ", rule 1 (**)"},
		{newComponent("acme/web", Signed, withCertificate, withKey), certificate + "; key dddddddddddd, rule 1 (**)"},
		{refused("acme/web", "no signature"), "✗ refused, rule 1 (**): no signature\n"},
		{refused("acme/web", strings.Repeat("é", 80), withKey), "✗ refused, rule 1 (**): " + strings.Repeat("é", 72) + "…\n"},
		{accepted, "✓ accepted, default: digest"},
		{off, "- not checked, --verify off"},
		{off, "  service/web  acme/web  aaaaaaaaaaaa  "},
	} {
		var table strings.Builder
		if err := newReport(tt.component).WriteTable(&table); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(table.String(), tt.want) {
			t.Errorf("no %q in\n%s", tt.want, table.String())
		}
	}
}

// TestMarkdownEscapesForeignText: names, subjects and reasons have no meaning in Markdown,
// and are no commands for the runner.
func TestMarkdownEscapesForeignText(t *testing.T) {
	t.Parallel()
	const hostile = "a|b <img src=x> [x](http://evil.example) `c`\n::error::x\n##[error]x"
	signed := newComponent("acme/web", Signed, signer.Signature{Signer: hostile})
	signed.Rule, signed.Uses[0].Name = hostile, hostile
	text := newReport(signed, newComponent("acme/web", Signed, withCertificate, withKey), refused("acme/db", hostile)).Markdown()
	lines := strings.Split(strings.TrimSpace(text), "\n")
	if len(lines) != 7 || lines[0] != "## Components: 1 of 3 refused" {
		t.Errorf("%d lines:\n%s", len(lines), text)
	}
	for _, line := range lines[2:] {
		if strings.Count(line, "|") != 7 {
			t.Errorf("%d bars in %s", strings.Count(line, "|"), line)
		}
	}
	for _, active := range []string{"<img", "](", "`", "::", "##["} {
		if strings.Contains(text, active) {
			t.Errorf("%q in\n%s", active, text)
		}
	}
	const row = "| ✅ signed | release&#64;acme&#46;example &#40;by https&#58;&#47;&#47;issuer&#46;example&#41; " +
		"at 2026&#45;01&#45;02 03&#58;04&#58;05Z, certificate cccccccccccc, names no image<br>" +
		"key dddddddddddd, names no image | rule 1 &#40;&#42;&#42;&#41; |"
	if !strings.Contains(text, row) {
		t.Errorf("no %q in\n%s", row, text)
	}
	if text := newReport(newComponent("acme/web", Signed, withKey)).Markdown(); !strings.HasPrefix(text, "## Components\n\n| ") {
		t.Errorf("none refused:\n%s", text)
	}
}
