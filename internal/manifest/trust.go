package manifest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/org/linuxkit-action/internal/imageref"
	"github.com/org/linuxkit-action/internal/manifest/strict"
)

// Trust lists images that must be signed, as in Moby's manifests. LinuxKit accepts it and
// ignores it; here it is enforced, with the signers of the policy.
type Trust struct {
	strict.At
	Image []Image `yaml:"image"` // references; one without a tag matches every tag
	Org   []Org   `yaml:"org"`   // organizations of Docker Hub, or HOST/ORG
}

// Org is an organization: ORG of Docker Hub, or HOST/ORG. It is normalized: docker.io/acme.
type Org string

// DecodeYAML decodes an organization. One that can match no image is a problem.
func (o *Org) DecodeYAML(n strict.Node) {
	var text string
	n.Into(&text)
	org, err := parseOrg(text)
	if err != nil {
		n.Problem("%.100q: matches no image: %v; write ORG of Docker Hub, or HOST/ORG", text, err)
		return
	}
	*o = Org(org)
}

// parseOrg normalizes an organization. It parses a reference to one of its repositories.
func parseOrg(text string) (string, error) {
	text = strings.TrimRight(text, "/")
	if host, _, several := strings.Cut(text, "/"); !several && imageref.IsHost(host) {
		return "", fmt.Errorf("%w: a registry without an organization", imageref.ErrInvalid)
	}
	const repository = "/x"
	parsed, err := imageref.Parse(text + repository)
	if lower := strings.ToLower(text); err != nil && lower != text {
		return "", fmt.Errorf("%w: upper case; write it in lower case: %s", imageref.ErrInvalid, lower)
	}
	if err != nil {
		return "", err
	}
	return strings.TrimSuffix(parsed.Repository(), repository), nil
}

// TrustMatcher finds the images that a Trust lists.
type TrustMatcher struct {
	orgs   map[string]bool
	images map[string][]imageref.Name // by repository
}

// Matcher returns the matcher of the list.
func (t Trust) Matcher() *TrustMatcher {
	m := &TrustMatcher{orgs: map[string]bool{}, images: map[string][]imageref.Name{}}
	for _, org := range t.Org {
		m.orgs[string(org)] = true
	}
	for _, image := range t.Image {
		if entry, err := imageref.Parse(string(image)); err == nil { // else it was reported
			m.images[entry.Repository()] = append(m.images[entry.Repository()], entry)
		}
	}
	return m
}

// Requires reports whether an image of the manifest must be signed. digests are those that
// it resolves to. In doubt it is required: an entry with a tag matches a use by digest only,
// whose tag is unknown.
func (m *TrustMatcher) Requires(image string, digests ...string) bool {
	use, err := imageref.Parse(image)
	if err != nil {
		return true
	}
	for repository := use.Repository(); ; {
		last := strings.LastIndexByte(repository, '/')
		if last < 0 {
			break
		}
		if repository = repository[:last]; m.orgs[repository] {
			return true
		}
	}
	if use.Digest != "" {
		digests = append(digests, use.Digest)
	}
	return slices.ContainsFunc(m.images[use.Repository()], func(entry imageref.Name) bool {
		return covers(entry, use, digests)
	})
}

// covers reports whether an entry of trust matches a use of the same repository.
func covers(entry, use imageref.Name, digests []string) bool {
	if entry.Tag == "" && entry.Digest == "" || slices.Contains(digests, entry.Digest) {
		return true
	}
	tag := use.Tag
	if tag == "" && use.Digest == "" {
		tag = "latest"
	}
	return entry.Tag != "" && (tag == "" || tag == entry.Tag)
}

// Unmatched returns a warning for each entry that matches no image of the manifest. An
// entry with a digest is compared by its repository, as tags are not resolved yet.
func (m *Manifest) Unmatched() []strict.Problem {
	repositories, orgs := map[string][]imageref.Name{}, map[string]bool{}
	for _, u := range m.Images() {
		use, err := imageref.Parse(u.Image)
		if err != nil {
			continue
		}
		repositories[use.Repository()] = append(repositories[use.Repository()], use)
		for dir := use.Repository(); strings.Contains(dir, "/"); {
			dir = dir[:strings.LastIndexByte(dir, '/')]
			orgs[dir] = true
		}
	}
	var warnings []strict.Problem
	for _, org := range m.Trust.Org {
		if !orgs[string(org)] {
			warnings = append(warnings, m.Trust.Problem("org", "%s matches no image of this manifest", org))
		}
	}
	for _, image := range m.Trust.Image {
		entry, err := imageref.Parse(string(image))
		if err != nil {
			continue
		}
		matches := func(use imageref.Name) bool { return entry.Digest != "" || covers(entry, use, nil) }
		if !slices.ContainsFunc(repositories[entry.Repository()], matches) {
			warnings = append(warnings, m.Trust.Problem("image", "%s matches no image of this manifest", image))
		}
	}
	return warnings
}
