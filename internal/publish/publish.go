// Package publish is the last step of the line: what was built, and booted, is
// signed and laid out for release.
//
// Release copies every file of a build into a folder of its own, checks on the way
// that it is still the file that was built, and adds SHA256SUMS and one Sigstore
// bundle for each file. The folder is what users download; `cosign verify-blob
// --key cosign.pub --insecure-ignore-tlog --bundle FILE.sigstore.json FILE` accepts each
// file in it (cosign 2 with --new-bundle-format). No entry in a log is made.
package publish

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/org/linuxkit-action/internal/build/artifacts"
	"github.com/org/linuxkit-action/internal/progress"
)

// ErrPublish is wrapped by every error of this step.
var ErrPublish = errors.New("not published")

// Checksums is the name of the list of hashes, in the format of sha256sum(1).
const Checksums = "SHA256SUMS"

// BundleSuffix ends the name of a signature.
const BundleSuffix = ".sigstore.json"

// Options say where to, and who signs.
type Options struct {
	Output string  // folder
	Signer *Signer // nil for a release without signatures
	Report progress.Reporter
}

// Release makes the release folder and returns the names in it, sorted.
func Release(ctx context.Context, set *artifacts.Set, opts Options) ([]string, error) {
	folder, err := artifacts.OpenFolder(opts.Output, set.Name)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPublish, err)
	}
	defer folder.Abandon()
	r := &release{ctx, folder, opts, map[string]string{}}
	if err := r.fill(set); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPublish, err)
	}
	return r.names(), nil
}

// release is a folder in the making: file name → SHA-256.
type release struct {
	ctx    context.Context
	folder *artifacts.Folder
	opts   Options
	sums   map[string]string
}

func (r *release) fill(set *artifacts.Set) error {
	for _, f := range set.Files {
		if err := r.copy(set, f); err != nil {
			return err
		}
	}
	list, err := set.JSON()
	if err != nil {
		return err
	}
	if err := r.add(set.Name+artifacts.Suffix, list); err != nil {
		return err
	}
	if err := r.add(Checksums, r.checksums()); err != nil {
		return err
	}
	if err := r.sign(); err != nil {
		return err
	}
	return r.folder.Commit(Checksums)
}

// copy takes one file over, if it is still what was built.
func (r *release) copy(set *artifacts.Set, f artifacts.File) error {
	in, err := os.Open(set.Abs(f))
	if err != nil {
		return err
	}
	defer in.Close()
	got, err := r.folder.Add(r.ctx, f.Path, r.opts.Report.Begin(f.Path, f.Size), func(w io.Writer) error {
		_, err := io.Copy(w, io.LimitReader(in, f.Size+1))
		return err
	})
	if err != nil {
		return fmt.Errorf("%s: %w", f.Path, err)
	}
	if got.SHA256 != f.SHA256 {
		return fmt.Errorf("%s has changed since it was built (sha256 %s, not %s); build it again", set.Abs(f), got.SHA256, f.SHA256)
	}
	r.sums[f.Path] = got.SHA256
	return nil
}

// add writes one small file.
func (r *release) add(base string, content []byte) error {
	got, err := r.folder.Add(r.ctx, base, progress.Silent().Begin(base, 0), func(w io.Writer) error {
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
func (r *release) sign() error {
	if r.opts.Signer == nil {
		return nil
	}
	for _, base := range r.names() {
		digest, err := hex.DecodeString(r.sums[base])
		if err != nil {
			return err
		}
		bundle, err := r.opts.Signer.bundle(r.ctx, r.folder.Staged(base), digest)
		if err != nil {
			return fmt.Errorf("%s: %w", base, err)
		}
		if err := r.add(base+BundleSuffix, bundle); err != nil {
			return err
		}
	}
	return nil
}

func (r *release) names() []string {
	var names []string
	for base := range r.sums {
		names = append(names, base)
	}
	slices.Sort(names)
	return names
}
