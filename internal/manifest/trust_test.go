package manifest

import (
	"errors"
	"strings"
	"testing"
)

// loadTrust returns a manifest with one service and a trust section.
func loadTrust(t *testing.T, trust, image string) (*Manifest, error) {
	t.Helper()
	text := "services: [{name: web, image: '" + image + "'}]\ntrust: " + trust
	return Load(t.Context(), []string{"-"}, Options{Stdin: strings.NewReader(text)})
}

// TestNoSpellingAvoidsTrust: an entry matches every spelling of the images it lists.
func TestNoSpellingAvoidsTrust(t *testing.T) {
	t.Parallel()
	const digest = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	for _, tt := range []struct {
		trust, image string
		differs      bool // the entry is for another image
	}{
		{trust: "org: [docker.io/acme]", image: "acme/x:1"},
		{trust: "org: [registry-1.docker.io/acme]", image: "index.docker.io/acme/x:1"},
		{trust: "org: [acme/]", image: "Docker.io/acme/x"},
		{trust: "org: [library]", image: "alpine"},
		{trust: "org: ['localhost:5000/acme']", image: "LOCALHOST:5000/acme/x:1"},
		{trust: "org: [GHCR.io/acme]", image: "ghcr.io:443/acme/deep/x:1"},
		{trust: "org: [ghcr.io/acme]", image: "ghcr.io/acme-evil/x:1", differs: true},
		{trust: "org: [acme]", image: "evil.example/index.docker.io/acme/x:1", differs: true},
		{trust: "image: ['acme/x:1']", image: "acme/x:1@" + digest},
		{trust: "image: ['acme/x:1']", image: "acme/x@" + digest}, // its tag is unknown
		{trust: "image: ['acme/x:latest']", image: "acme/x"},
		{trust: "image: [acme/x]", image: "registry-1.docker.io/acme/x:2"},
		{trust: "image: ['acme/x@" + digest + "']", image: "acme/x:1@" + digest},
		{trust: "image: ['acme/x:1']", image: "acme/x:2@" + digest, differs: true},
		{trust: "image: ['acme/x:1']", image: "acme/x", differs: true},
	} {
		m, err := loadTrust(t, "{"+tt.trust+"}", tt.image)
		if err != nil {
			t.Errorf("%s: %v", tt.trust, err)
			continue
		}
		if got := m.Trust.Matcher().Requires(tt.image); got == tt.differs {
			t.Errorf("%s: a signature of %s is required: %v", tt.trust, tt.image, got)
		}
		if got := len(m.Unmatched()) > 0; got != tt.differs {
			t.Errorf("%s: warnings %v for %s", tt.trust, m.Unmatched(), tt.image)
		}
	}
}

func TestRejectsTrustThatMatchesNothing(t *testing.T) {
	t.Parallel()
	for trust, want := range map[string]string{
		"{org: [Acme]}":             "write it in lower case: acme",
		"{org: [docker.io]}":        "a registry without an organization",
		"{org: ['acme/*']}":         "matches no image",
		"{org: ['']}":               "matches no image",
		"{org: [ghcr.io//acme]}":    "matches no image",
		"{org: ['https://a.b/c']}":  "matches no image",
		"{org: [127.1/acme]}":       "write all four numbers",
		"{image: [ghcr.io/Acme/x]}": "write it in lower case: acme/x",
		"{image: ['acme/*']}":       "not an image reference",
	} {
		_, err := loadTrust(t, trust, "acme/x")
		if !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), ":2:") {
			t.Errorf("%s:\ngot  %v\nwant %s", trust, err, want)
		}
	}
}

func TestTrustOfSeveralFilesIsMerged(t *testing.T) {
	t.Parallel()
	text := "trust: {org: [a]}\n---\ntrust: {image: [b/c]}\nservices: [{name: web, image: 'a/x'}]"
	m, err := Load(t.Context(), []string{"-"}, Options{Stdin: strings.NewReader(text)})
	if err != nil {
		t.Fatal(err)
	}
	warnings := m.Unmatched()
	if len(warnings) != 1 || warnings[0].String() != "(standard input):3:9: trust: image: b/c matches no image of this manifest" {
		t.Errorf("got %v", warnings)
	}
}
