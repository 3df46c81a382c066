package manifest

import (
	"slices"
	"strings"

	"github.com/org/linuxkit-action/internal/manifest/strict"
)

// Namespace is the namespace of a container: "host" or "root" for that of the host, "new",
// or the path of a namespace (namespaces(7)).
type Namespace string

// NetNamespace is a Namespace that may also be "none", which is the same as "new".
type NetNamespace string

// DecodeYAML decodes a namespace.
func (s *Namespace) DecodeYAML(n strict.Node) {
	decodeNamespace(n, (*string)(s), []string{"host", "root", "new"})
}

// DecodeYAML decodes a namespace.
func (s *NetNamespace) DecodeYAML(n strict.Node) {
	decodeNamespace(n, (*string)(s), []string{"host", "root", "new", "none"})
}

func decodeNamespace(n strict.Node, text *string, words []string) {
	n.Into(text)
	if *text != "" && !slices.Contains(words, *text) && !strings.HasPrefix(*text, "/") {
		n.Problem("%q must be %s or the path of a namespace%s", *text, strings.Join(words, ", "), suggest(*text, words))
	}
}
