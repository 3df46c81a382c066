package verify

import (
	"slices"
	"strings"

	"github.com/org/linuxkit-action/internal/markup"
	"github.com/org/linuxkit-action/internal/progress"
)

// noteMissing reports once that there is no policy, with the images that are not pinned and
// the command that writes a policy and a lock. A manifest with trust gets a warning, for
// trust names no signer.
func (v *Verified) noteMissing(c *checker, show progress.Reporter) {
	var unpinned, trusted []string
	for _, r := range v.results {
		if r.unpinned {
			unpinned = append(unpinned, r.Component.Reference.String())
		}
		if c.trusts(r.Component) {
			trusted = append(trusted, r.Component.Reference.String())
		}
	}
	if len(trusted) > 0 {
		show.Note("warning: %s: trust requires signatures, and no policy names a signer of %s; run %s",
			c.place, strings.Join(trusted, ", "), v.initCommand())
	}
	state := "every image is pinned"
	if len(unpinned) > 0 {
		state = "not pinned: " + strings.Join(unpinned, ", ")
	}
	show.Note("no policy: no signature is required; %s; write a first policy and lock with: %s", state, v.initCommand())
}

// initCommand returns the command that writes a policy and a lock for these manifests.
func (v *Verified) initCommand() string {
	var files []string
	for _, r := range v.results {
		for _, use := range r.Component.Uses {
			if file := shellWord(use.Place.File); file != "" && !slices.Contains(files, file) {
				files = append(files, file)
			}
		}
	}
	return strings.Join(append([]string{"linuxkit-action policy init"}, files...), " ")
}

// shellWord quotes the name of a file for a shell, for it may come from a pull request.
func shellWord(name string) string {
	plain := func(r rune) bool {
		return r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || strings.ContainsRune("._-/:@+=", r)
	}
	if strings.IndexFunc(name, func(r rune) bool { return !plain(r) }) < 0 {
		return name
	}
	return "'" + strings.ReplaceAll(markup.Line(name), "'", `'\''`) + "'"
}
