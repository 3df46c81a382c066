// Package gitpkg returns the image reference of a LinuxKit package: a folder with a
// build.yml in a git repository. The tag is the hash of the content of the folder, so that
// @pkg:DIR in a manifest refers to the image of exactly that content.
//
// The repository is untrusted. Git reads the index and the objects only, with a timeout and
// bounded output: commands that run hooks, filters, a file-system monitor or a transport of
// the repository's configuration are not used or are disabled. Files of the work tree are
// read by this program. Unlike git status, a file counts as changed when its bytes differ
// from the blob, whatever filters the repository configures.
package gitpkg

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/org/linuxkit-action/internal/git"
	"github.com/org/linuxkit-action/internal/workspace"
	"gopkg.in/yaml.v3"
)

// ErrPackage is wrapped by every error of Tag.
var ErrPackage = errors.New("no LinuxKit package")

// ErrRemote is returned for a template in a manifest that is not in a folder.
var ErrRemote = fmt.Errorf("%w: the manifest is at a URL and has no folder; use an image reference", ErrPackage)

// Bounds of a build.yml.
const (
	maxBuildBytes = 1 << 20
	maxSources    = 100 // each takes a run of git
)

// settings are the keys of build.yml that determine the reference (LinuxKit's
// docs/packages.md).
type settings struct {
	Org          string   `yaml:"org"`
	Image        string   `yaml:"image"`
	Tag          string   `yaml:"tag"`
	ExtraSources []string `yaml:"extra-sources"`
}

// Tag returns org/image:tag of the package in dir. The tag of a package with uncommitted
// changes ends in -dirty- and seven digits of a hash of its files. Errors wrap ErrPackage.
func Tag(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrPackage, err)
	}
	s, err := read(filepath.Join(dir, "build.yml"))
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrPackage, err)
	}
	hash, err := contentHash(dir, s.ExtraSources)
	if err != nil {
		return "", fmt.Errorf("%w: %s: %w", ErrPackage, dir, err)
	}
	tag, err := expand(s.Tag, hash)
	if err != nil {
		return "", fmt.Errorf("%w: %s: tag: %w", ErrPackage, dir, err)
	}
	return s.Org + "/" + s.Image + ":" + tag, nil
}

func read(path string) (settings, error) {
	s := settings{Org: "linuxkit", Tag: "{{.Hash}}"}
	text, err := workspace.ReadFile(path, maxBuildBytes)
	if err != nil {
		return s, err
	}
	if err := yaml.Unmarshal(text, &s); err != nil {
		return s, fmt.Errorf("%s: not a valid build.yml", path)
	}
	if s.Image == "" {
		return s, fmt.Errorf("%s: image is missing", path)
	}
	if len(s.ExtraSources) > maxSources {
		return s, fmt.Errorf("%s: has more than %d extra-sources", path, maxSources)
	}
	return s, nil
}

// gitRepository is the git repository of a package.
type gitRepository struct{ git.Repository }

// contentHash returns git's tree hash of the folder, combined with those of the extra
// sources, and with the dirty suffix.
func contentHash(dir string, extra []string) (string, error) {
	r, err := git.Open(dir)
	if err != nil {
		return "", err
	}
	g := gitRepository{r}
	result, err := g.treeHash(dir)
	if err != nil {
		return "", err
	}
	var extraHashes string
	for _, source := range extra {
		from, _, _ := strings.Cut(source, ":")
		if !filepath.IsAbs(from) {
			from = filepath.Join(dir, from)
		}
		hash, err := g.treeHash(from)
		if err != nil {
			return "", err
		}
		extraHashes += hash
	}
	if extraHashes != "" {
		sum := sha1.Sum([]byte(result + extraHashes))
		result = hex.EncodeToString(sum[:])
	}
	dirty, err := g.isDirty(dir)
	if err != nil || !dirty {
		return result, err
	}
	sum, err := g.filesHash(dir)
	return result + "-dirty-" + sum[:min(7, len(sum))], err
}

// treeHash returns the hash of the git tree of a folder at HEAD.
func (g gitRepository) treeHash(dir string) (string, error) {
	if rel, err := filepath.Rel(g.Root(), dir); err != nil || rel != "." && !filepath.IsLocal(rel) {
		return "", fmt.Errorf("%q is outside the repository %s", dir, g.Root())
	}
	out, err := g.Run(dir, "rev-parse", "HEAD:./")
	return strings.TrimSpace(out), err
}

// isDirty reports whether the index differs from HEAD, a file from the index, or a file is
// neither tracked nor ignored.
func (g gitRepository) isDirty(dir string) (bool, error) {
	for _, args := range [][]string{
		{"diff-index", "--cached", "--name-only", "HEAD", "--", "."},
		{"ls-files", "--others", "--exclude-standard", "--", "."},
	} {
		if out, err := g.Run(dir, args...); err != nil || out != "" {
			return true, err
		}
	}
	entries, err := g.Run(dir, "ls-files", "--stage", "-z", "--", ".")
	if err != nil {
		return false, err
	}
	for entry := range strings.SplitSeq(strings.TrimSuffix(entries, "\x00"), "\x00") {
		if same, err := isUnchanged(dir, entry); err != nil || !same {
			return true, err
		}
	}
	return false, nil
}

// filesHash hashes the files in the work tree that are tracked or not ignored.
func (g gitRepository) filesHash(dir string) (string, error) {
	sum := sha256.New()
	for _, which := range [][]string{{"ls-files", "-z"}, {"ls-files", "-z", "--exclude-standard", "--others"}} {
		list, err := g.Run(dir, which...)
		if err != nil {
			return "", err
		}
		for name := range strings.SplitSeq(strings.TrimSuffix(list, "\x00"), "\x00") {
			if err := addFile(sum, filepath.Join(dir, name)); err != nil {
				return "", err
			}
		}
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// addFile hashes a regular file. It ignores other and removed files.
func addFile(sum hash.Hash, name string) error {
	info, err := os.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !info.Mode().IsRegular() {
		return nil
	}
	f, err := workspace.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(sum, f)
	return err
}
