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
	"github.com/org/linuxkit-action/internal/progress"
	"github.com/org/linuxkit-action/internal/verify"
	"github.com/spf13/cobra"
)

func newLock() *cobra.Command {
	o := defaults()
	var only []string
	c := &cobra.Command{
		Use:   "lock MANIFEST…",
		Short: "resolve tags, and write linuxkit.lock",
		Long: "Lock asks the registries which image each reference means, and the policy who must have signed it,\n" +
			"and writes the digests down. From then on the other commands build these images, wherever the tags\n" +
			"move; they only tell that one has moved. A digest in the manifest wins over the lock.",
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
	c.Flags().StringArrayVar(&only, "update", nil, "`NAME` of an entry, or reference, that is asked for anew, and what is locked besides stays (repeatable; default all)")
	o.manifestFlags(c)
	o.fetchFlags(c)
	o.verifyFlags(c)
	return c
}

func (p *pipeline) lockFile() string { return cmp.Or(p.lock, lock.DefaultFile) }

// writeLock makes the lock for the manifests, and returns what is new in it.
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
	// A build asks for them as well. One that is offline must find the answer in the cache.
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

// oldLock reads the lock that is to be replaced; nil where there is none.
func (p *pipeline) oldLock() (*lock.Lock, error) {
	if _, err := os.Stat(p.lockFile()); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return lock.Load(p.lockFile())
}

// keptLock is the part of a lock that stays: nothing, or with --update what it does not name.
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

// names reports whether --update NAME means a use of an image: by the entry's name, or
// by the reference in its short or its full form.
func names(use manifest.Use, name string) bool {
	return name == use.Name || name == use.Image || name == manifest.Canonical(use.Image)
}

// checkNames refuses a --update that means nothing.
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
		return fmt.Errorf("%w: --update %s: the manifest has no such image; there are %s", errUsage, name, strings.Join(known, ", "))
	}
	return nil
}

// addSigners puts down who has signed, where the policy asked.
func addSigners(locked *lock.Lock, verified *verify.Verified) {
	for _, r := range verified.Results() {
		reference := r.Component.Canonical()
		image := locked.Images[reference]
		image.Signer = r.Signer
		locked.Images[reference] = image
	}
}

// writeChanges shows what a lock says anew.
func writeChanges(w io.Writer, file string, changes []lock.Change) error {
	if len(changes) == 0 {
		fmt.Fprintf(w, "%s: nothing has changed\n", file)
		return nil
	}
	fmt.Fprintf(w, "%s:\n", file)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, c := range changes {
		fmt.Fprintf(table, "  %s\t%s\n", c.Reference, describeChange(c))
	}
	return table.Flush()
}

func describeChange(c lock.Change) string {
	switch {
	case c.Old == nil:
		return "new → " + shortDigest(c.New)
	case c.New == nil:
		return shortDigest(c.Old) + " → gone"
	case c.Old.IndexDigest == c.New.IndexDigest && c.Old.Signer != c.New.Signer:
		return shortDigest(c.New) + ", signed by " + cmp.Or(c.New.Signer, "nobody who was asked for")
	}
	return shortDigest(c.Old) + " → " + shortDigest(c.New)
}

// shortDigest cuts a digest to what a person compares.
func shortDigest(image *lock.Image) string { return image.IndexDigest.Hex[:12] }
