// Package publish signs what was built and booted, and lays it out for release.
//
// Release copies every file of a build into a folder, checks its digest on the way, and
// adds SHA256SUMS and one Sigstore bundle for each file. Users download that folder. The
// command `cosign verify-blob --key cosign.pub --insecure-ignore-tlog --bundle
// FILE.sigstore.json FILE` accepts each file in it (cosign 2 with --new-bundle-format).
// Nothing is written to a transparency log.
package publish

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/org/linuxkit-action/internal/build/artifacts"
	"github.com/org/linuxkit-action/internal/progress"
)

// ErrPublish is wrapped by every error of this step.
var ErrPublish = errors.New("not published")

// ErrUnverified is wrapped by the error for a build with components that no policy accepted.
var ErrUnverified = errors.New("not verified")

// Checksums is the name of the list of digests, in the format of sha256sum(1).
const Checksums = "SHA256SUMS"

// BundleSuffix ends the name of a Sigstore bundle. The name of the file precedes it.
const BundleSuffix = ".sigstore.json"

// Options are the settings of a release.
type Options struct {
	Output string // folder
	Signer Signer // nil for a release without signatures
	Report progress.Reporter

	AllowUnverified bool // release a build with components that no policy accepted, and record them
}

// Release makes the release folder and returns the names in it, sorted. Errors wrap
// ErrPublish or ErrUnverified; the folder is then unchanged.
func Release(ctx context.Context, set *artifacts.Set, opts Options) ([]string, error) {
	set, err := checkVerified(set, opts)
	if err != nil {
		return nil, err
	}
	folder, err := artifacts.OpenFolder(opts.Output, set.Name)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPublish, err)
	}
	defer folder.Abandon()
	r := &release{folder: folder, opts: opts, sums: map[string]string{}}
	if err := r.fill(ctx, set); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPublish, err)
	}
	return r.names(), nil
}

// checkVerified rejects a build with unverified components, or records them in the list of
// the release.
func checkVerified(set *artifacts.Set, opts Options) (*artifacts.Set, error) {
	recorded := *set
	recorded.Unverified = set.FindUnverified()
	if len(recorded.Unverified) == 0 {
		return &recorded, nil
	}
	components := strings.Join(recorded.Unverified, ", ")
	if !opts.AllowUnverified {
		return nil, fmt.Errorf("%w: no policy accepted %s; build under a policy with --verify enforce, or pass --allow-unverified",
			ErrUnverified, components)
	}
	opts.Report.Note("warning: the release contains components that no policy accepted: %s", components)
	return &recorded, nil
}

// release is a folder that is being filled.
type release struct {
	folder *artifacts.Folder
	opts   Options
	sums   map[string]string // file name → SHA-256 in hex
}

func (r *release) fill(ctx context.Context, set *artifacts.Set) error {
	for _, f := range set.Files {
		if f.Path == Checksums || strings.HasSuffix(f.Path, BundleSuffix) {
			return fmt.Errorf("%s: name of a file of the release itself; build under another name", f.Path)
		}
		if _, copied := r.sums[f.Path]; copied {
			continue // of several formats
		}
		if err := r.copy(ctx, set, f); err != nil {
			return err
		}
	}
	list, err := set.JSON()
	if err != nil {
		return err
	}
	if err := r.add(ctx, set.Name+artifacts.Suffix, list); err != nil {
		return err
	}
	if err := r.add(ctx, Checksums, r.checksums()); err != nil {
		return err
	}
	if err := r.sign(ctx); err != nil {
		return err
	}
	return r.folder.Commit(Checksums)
}

// copy adds one file of the build, and fails if its digest has changed. The error does not
// contain the digest of the file: who wrote the list could learn a file's content from it.
func (r *release) copy(ctx context.Context, set *artifacts.Set, f artifacts.File) error {
	in, err := set.Open(f)
	if err != nil {
		return err
	}
	defer in.Close()
	got, err := r.folder.Add(ctx, f.Path, r.opts.Report.Begin(f.Path, f.Size), func(w io.Writer) error {
		_, err := io.Copy(w, io.LimitReader(in, f.Size+1))
		return err
	})
	if err != nil {
		return fmt.Errorf("%s: %w", f.Path, err)
	}
	if got.SHA256 != f.SHA256 || got.Size != f.Size {
		return fmt.Errorf("%s: changed since the build: sha256 is not %.80q; build again", set.Abs(f), f.SHA256)
	}
	r.sums[f.Path] = got.SHA256
	return nil
}

// add writes a small file.
func (r *release) add(ctx context.Context, base string, content []byte) error {
	got, err := r.folder.Add(ctx, base, progress.Silent().Begin(base, 0), func(w io.Writer) error {
		_, err := w.Write(content)
		return err
	})
	r.sums[base] = got.SHA256
	return err
}

func (r *release) checksums() []byte {
	var out strings.Builder
	for _, base := range r.names() {
		fmt.Fprintf(&out, "%s  %s\n", r.sums[base], base)
	}
	return []byte(out.String())
}

// sign adds a bundle for every file, SHA256SUMS among them.
func (r *release) sign(ctx context.Context) error {
	if r.opts.Signer == nil {
		return nil
	}
	for _, base := range r.names() {
		if err := r.signFile(ctx, base); err != nil {
			return fmt.Errorf("%s: %w", base, err)
		}
	}
	return nil
}

func (r *release) signFile(ctx context.Context, base string) error {
	digest, err := hex.DecodeString(r.sums[base])
	if err != nil {
		return err
	}
	if err := checkSignable(r.folder.Staged(base)); err != nil {
		return err
	}
	bundle, err := r.opts.Signer.Sign(ctx, r.folder.Staged(base), digest)
	if err != nil {
		return err
	}
	text, err := marshalBundle(bundle)
	if err != nil {
		return err
	}
	return r.add(ctx, base+BundleSuffix, text)
}

// names returns the files of the release, sorted.
func (r *release) names() []string { return slices.Sorted(maps.Keys(r.sums)) }
