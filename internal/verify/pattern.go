package verify

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
)

// pattern is what a rule matches: * is anything but a slash, ** anything.
type pattern struct {
	text  string // with the registry
	whole *regexp.Regexp
}

// subject is the name that rules match: registry and repository, with Docker Hub
// called docker.io.
func subject(repository name.Repository) string {
	return strings.Replace(repository.Name(), name.DefaultRegistry+"/", "docker.io/", 1)
}

// glob makes a pattern that matches the whole of a name. One without a registry is for
// Docker Hub, as a reference would be.
func glob(text string) (pattern, error) {
	if len(text) > 255 {
		return pattern{}, fmt.Errorf("is longer than 255 characters")
	}
	first, _, _ := strings.Cut(text, "/")
	if !strings.ContainsAny(first, ".:*") && first != "localhost" {
		text = "docker.io/" + text
	}
	quoted := replaceWildcards(regexp.QuoteMeta(text), `\*`, `.*`, `[^/`+anything+`]*`)
	whole, err := regexp.Compile("^" + quoted + "$")
	return pattern{text, whole}, err
}

func replaceWildcards(text, star, two, one string) string {
	return strings.NewReplacer(star+star, two, star, one).Replace(text)
}

func (p pattern) matches(repository name.Repository) bool {
	return p.whole.MatchString(subject(repository))
}

// Characters that stand for a wildcard where a pattern is matched by another. No name
// has them.
const (
	anything = "\x00" // **: only a ** matches it
	noSlash  = "\x01" // *
)

// covers reports whether p matches all that other does. It may overlook it where more
// than one wildcard together does what one of the other's does, but is never wrong.
func (p pattern) covers(other pattern) bool {
	return p.whole.MatchString(replaceWildcards(other.text, "*", anything, noSlash))
}

// possible reports whether some name fits: it tries one.
func (p pattern) possible() bool {
	try := replaceWildcards(p.text, "*", "x.x/x", "x.x")
	repository, err := name.NewRepository(try)
	return err == nil && subject(repository) == try && !strings.Contains(try+"/", "//")
}
