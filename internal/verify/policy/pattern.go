package policy

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
)

// maxPattern bounds a pattern, in characters.
const maxPattern = 255

// pattern matches names of images: * is anything but a slash, ** anything.
type pattern struct {
	text string // with the registry
	re   *regexp.Regexp
}

// ImageName returns the name that patterns match: registry and repository, with docker.io
// for Docker Hub.
func ImageName(repository name.Repository) string {
	return strings.Replace(repository.Name(), name.DefaultRegistry+"/", "docker.io/", 1)
}

// newPattern compiles a pattern for whole names. Without a registry it is for Docker Hub,
// as a reference is.
func newPattern(text string) (pattern, error) {
	if len(text) > maxPattern {
		return pattern{}, fmt.Errorf("is longer than %d characters", maxPattern)
	}
	first, _, _ := strings.Cut(text, "/")
	if !strings.ContainsAny(first, ".:*") && first != "localhost" {
		text = "docker.io/" + text
	}
	quoted := replaceWildcards(regexp.QuoteMeta(text), `\*`, `.*`, `[^/`+anything+`]*`)
	re, err := regexp.Compile("^" + quoted + "$")
	return pattern{text, re}, err
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

// possible reports whether any name matches: it tries one.
func (p pattern) possible() bool {
	example := replaceWildcards(p.text, "*", "x.x/x", "x.x")
	repository, err := name.NewRepository(example)
	return err == nil && ImageName(repository) == example && !strings.Contains(example+"/", "//")
}
