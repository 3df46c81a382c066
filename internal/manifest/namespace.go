package manifest

import (
	"slices"
	"strings"

	"github.com/org/linuxkit-action/internal/manifest/strict"
)

// Namespace says which namespace a container is in: "host" or "root" for that of the
// system, "new" for one of its own, or the path of one (namespaces(7)).
type Namespace string

// NetNamespace is a Namespace that may be "none" as well, which means "new".
type NetNamespace string

// DecodeYAML reads a namespace.
func (s *Namespace) DecodeYAML(n strict.Node) {
	decodeNamespace(n, (*string)(s), []string{"host", "root", "new"})
}

// DecodeYAML reads a namespace.
func (s *NetNamespace) DecodeYAML(n strict.Node) {
	decodeNamespace(n, (*string)(s), []string{"host", "root", "new", "none"})
}

func decodeNamespace(n strict.Node, text *string, words []string) {
	n.Into(text)
	if *text != "" && !slices.Contains(words, *text) && !strings.HasPrefix(*text, "/") {
		n.Problem("%q must be %s or the path of a namespace%s", *text, strings.Join(words, ", "), meant(*text, words))
	}
}
