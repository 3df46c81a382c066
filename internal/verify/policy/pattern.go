package policy

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/org/linuxkit-action/internal/imageref"
)

// maxPattern bounds a pattern, in characters.
const maxPattern = 255

// pattern matches names of images: * is anything but a slash, ** anything.
type pattern struct {
	text string // with the registry
	re   *regexp.Regexp
}

// ImageName returns the name that patterns match: registry and repository, normalized.
func ImageName(repository name.Repository) string { return imageref.OfRepository(repository) }

// newPattern compiles a pattern for whole names. Its host is normalized as that of a
// reference; without one it is for Docker Hub. A pattern that no name matches is an error.
func newPattern(text string) (pattern, error) {
	if len(text) > maxPattern {
		return pattern{}, fmt.Errorf("is longer than %d characters", maxPattern)
	}
	full, err := normalizePattern(text)
	if err != nil {
		return pattern{}, err
	}
	quoted := replaceWildcards(regexp.QuoteMeta(full), `\*`, `.*`, `[^/`+anything+`]*`)
	re, err := regexp.Compile("^" + quoted + "$")
	p := pattern{full, re}
	if err == nil && !p.possible() {
		err = fmt.Errorf("%q matches no name: names are REGISTRY/REPOSITORY in lower case without tag, "+
			"such as docker.io/library/alpine", text)
	}
	return p, err
}

// normalizePattern returns a pattern with its registry. A host with wildcards is unchanged.
func normalizePattern(text string) (string, error) {
	host, path, found := strings.Cut(text, "/")
	switch {
	case strings.Contains(host, "*"):
		return text, nil
	case !found && imageref.IsHost(host):
		return "", fmt.Errorf("%q matches no name: it is a registry; write %[1]s/**", text)
	case !found || !imageref.IsHost(host):
		host, path = imageref.DockerHub, text
	}
	host, err := imageref.Host(host)
	if host == imageref.DockerHub && !strings.Contains(path, "/") && !strings.Contains(path, "**") {
		path = "library/" + path
	}
	return host + "/" + path, err
}

func replaceWildcards(text, star, double, single string) string {
	return strings.NewReplacer(star+star, double, star, single).Replace(text)
}

func (p pattern) matches(repository name.Repository) bool {
	return p.re.MatchString(ImageName(repository))
}

// Characters that stand for wildcards where one pattern is matched by another. No name
// contains them.
const (
	anything = "\x00" // **: only ** matches it
	noSlash  = "\x01" // *
)

// covers reports whether p matches everything that other matches. It may return false
// where several wildcards together cover one of other, but never true by mistake.
func (p pattern) covers(other pattern) bool {
	return p.re.MatchString(replaceWildcards(other.text, "*", anything, noSlash))
}

// possible reports whether any name matches. It tries several.
func (p pattern) possible() bool {
	for _, double := range []string{"x.x/x", "x.x", "x"} {
		for _, single := range []string{"x.x", "x"} {
			example := replaceWildcards(p.text, "*", double, single)
			if parsed, err := imageref.Parse(example); err == nil && parsed.String() == example && parsed.Repository() == example {
				return true
			}
		}
	}
	return false
}
