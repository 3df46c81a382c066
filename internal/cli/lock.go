package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/org/linuxkit-action/internal/component/lock"
	"github.com/org/linuxkit-action/internal/manifest"
	"github.com/org/linuxkit-action/internal/manifest/strict"
	"github.com/org/linuxkit-action/internal/markup"
	"github.com/org/linuxkit-action/internal/progress"
	"github.com/org/linuxkit-action/internal/verify"
	"github.com/spf13/cobra"
)

func newLock() *cobra.Command {
	o := defaults()
	var only []string
	c := &cobra.Command{
		Use:   "lock MANIFEST…",
		Short: "resolve tags to digests and write linuxkit.lock",
		Long: "Lock resolves each reference, verifies the image under the policy, and writes its digest to the lock.\n" +
			"The other commands then use these digests and warn if a tag has moved. A digest in the manifest takes\n" +
			"precedence over the lock.",
		Args: needManifests,
		RunE: func(c *cobra.Command, args []string) error {
			p, err := newPipeline(o, c.OutOrStdout(), c.ErrOrStderr())
			if err != nil {
				return err
			}
			changes, err := p.writeLock(c.Context(), args, only)
			p.show.Close()
			if err != nil {
				return err
			}
			return writeChanges(p.out, p.lockFile(), changes)
		},
	}
	c.Flags().StringVar(&o.lock, "lock", "", "`FILE` to write (default "+lock.DefaultFile+")")
	c.Flags().StringArrayVar(&only, "update", nil,
		"`NAME` of an entry, or a reference, to resolve again; the rest stays locked (repeatable; default all)")
	o.manifestFlags(c)
	o.fetchFlags(c)
	o.verifyFlags(c)
	return c
}

// lockFile returns the path of the lock to write.
func (p *pipeline) lockFile() string { return cmp.Or(p.lock, lock.DefaultFile) }

// writeLock writes the lock of the manifests and returns the changes.
func (p *pipeline) writeLock(ctx context.Context, paths, only []string) ([]lock.Change, error) {
	m, err := p.load(ctx, paths)
	if err != nil {
		return nil, err
	}
	policy, mode, err := p.trust()
	if err != nil {
		return nil, err
	}
	old, err := p.oldLock()
	if err != nil {
		return nil, err
	}
	kept, err := keptLock(old, m, only)
	if err != nil {
		return nil, err
	}
	set, err := p.resolveBy(ctx, m, kept)
	if err != nil {
		return nil, err
	}
	locked, err := set.Lock()
	if err != nil {
		return nil, err
	}
	verified, err := p.verify(ctx, set, policy, mode)
	if err != nil {
		return nil, err
	}
	// An offline build needs the SBOMs too, from the cache.
	if _, err := verified.SBOMs(ctx, progress.Silent()); err != nil {
		return nil, err
	}
	addSigners(locked, verified)
	changes := old.Changes(locked)
	if old != nil && len(changes) == 0 {
		return nil, nil
	}
	return changes, locked.Write(p.lockFile())
}

// oldLock reads the existing lock; it is nil if there is none.
func (p *pipeline) oldLock() (*lock.Lock, error) {
	if _, err := os.Stat(p.lockFile()); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return lock.Load(p.lockFile())
}

// keptLock returns the images that stay locked: with --update those it does not name, else none.
func keptLock(old *lock.Lock, m *manifest.Manifest, only []string) (*lock.Lock, error) {
	if len(only) == 0 || old == nil {
		return nil, checkNames(m, only)
	}
	kept := lock.New()
	maps.Copy(kept.Images, old.Images)
	for _, use := range m.Images() {
		if slices.ContainsFunc(only, func(name string) bool { return names(use, name) }) {
			kept.Remove(use.Image)
		}
	}
	return kept, checkNames(m, only)
}

// names reports whether --update NAME refers to a use of an image: by the name of the
// entry, or by the reference in its short or full form.
func names(use manifest.Use, name string) bool {
	return name == use.Name || name == use.Image || name == manifest.Canonical(use.Image)
}

// checkNames rejects a --update that matches no image.
func checkNames(m *manifest.Manifest, only []string) error {
	uses := m.Images()
	for _, name := range only {
		if slices.ContainsFunc(uses, func(use manifest.Use) bool { return names(use, name) }) {
			continue
		}
		var known []string
		for _, use := range uses {
			known = append(known, use.Name, use.Image)
		}
		if near := strict.Nearest(name, known); near != "" {
			return fmt.Errorf("%w: --update %s: the manifest has no such image; did you mean %s?", errUsage, name, near)
		}
		return fmt.Errorf("%w: --update %s: the manifest has no such image; use one of %s", errUsage, name, strings.Join(known, ", "))
	}
	return nil
}

// addSigners adds the signer of each image that the policy required a signature of.
func addSigners(locked *lock.Lock, verified *verify.Verified) {
	for _, r := range verified.Results() {
		reference := r.Component.Canonical()
		image := locked.Images[reference]
		image.Signer = r.Signer
		locked.Images[reference] = image
	}
}

// writeChanges prints the changes of a lock.
func writeChanges(w io.Writer, file string, changes []lock.Change) error {
	if len(changes) == 0 {
		fmt.Fprintf(w, "%s: no changes\n", file)
		return nil
	}
	fmt.Fprintf(w, "%s:\n", file)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, c := range changes {
		fmt.Fprintf(table, "  %s\t%s\n", markup.Line(c.Reference), markup.Line(describeChange(c)))
	}
	return table.Flush()
}

// describeChange returns the change of one image, with short digests.
func describeChange(c lock.Change) string {
	switch {
	case c.Old == nil:
		return "new → " + shortDigest(c.New)
	case c.New == nil:
		return shortDigest(c.Old) + " → removed"
	case c.Old.IndexDigest == c.New.IndexDigest && c.Old.Signer != c.New.Signer:
		return shortDigest(c.New) + ", " + signedBy(c.New.Signer)
	}
	return shortDigest(c.Old) + " → " + shortDigest(c.New)
}

// shortDigest returns the first 12 hex digits of the index digest.
func shortDigest(image *lock.Image) string { return image.IndexDigest.Hex[:12] }

// signedBy describes the signer of an image; empty is none that the policy requires.
func signedBy(signer string) string {
	if signer == "" {
		return "no signer recorded"
	}
	return "signed by " + signer
}
