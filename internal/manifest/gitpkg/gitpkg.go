// Package gitpkg returns the image reference of a LinuxKit package: a folder with a
// build.yml in a git repository. The tag is the hash of the content of the folder, so that
// @pkg:DIR in a manifest refers to the image of exactly that content.
//
// The repository is untrusted: git runs with a timeout, its output is bounded, and it
// executes no programs of the repository's configuration.
package gitpkg

import (
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"text/template"
	"time"

	"gopkg.in/yaml.v3"
)

// ErrPackage is wrapped by every error of Tag.
var ErrPackage = errors.New("no LinuxKit package")

// ErrRemote is returned for a template in a manifest that is not in a folder.
var ErrRemote = fmt.Errorf("%w: the manifest is at a URL and has no folder; use an image reference", ErrPackage)

// Bounds of reading an untrusted repository.
const (
	gitTimeout    = 30 * time.Second
	maxBuildBytes = 1 << 20
	maxOutput     = 16 << 20
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
	f, err := os.Open(path)
	if err != nil {
		return s, err
	}
	defer f.Close()
	if err := yaml.NewDecoder(io.LimitReader(f, maxBuildBytes)).Decode(&s); err != nil {
		return s, fmt.Errorf("%s: %w", path, err)
	}
	if s.Image == "" {
		return s, fmt.Errorf("%s: image is missing", path)
	}
	return s, nil
}

// expand executes the tag, a Go template with the variable Hash.
func expand(tag, hash string) (string, error) {
	t, err := template.New("").Option("missingkey=error").Parse(tag)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	err = t.Execute(&out, map[string]string{"Hash": hash})
	return out.String(), err
}

// contentHash returns git's tree hash of the folder, combined with those of the extra
// sources, and with the dirty suffix.
func contentHash(dir string, extra []string) (string, error) {
	result, err := treeHash(dir)
	if err != nil {
		return "", err
	}
	var extraHashes string
	for _, source := range extra {
		from, _, _ := strings.Cut(source, ":")
		if !filepath.IsAbs(from) {
			from = filepath.Join(dir, from)
		}
		hash, err := treeHash(from)
		if err != nil {
			return "", err
		}
		extraHashes += hash
	}
	if extraHashes != "" {
		sum := sha1.Sum([]byte(result + extraHashes))
		result = hex.EncodeToString(sum[:])
	}
	dirty, err := isDirty(dir)
	if err != nil || !dirty {
		return result, err
	}
	sum, err := filesHash(dir)
	return result + "-dirty-" + sum[:min(7, len(sum))], err
}

// treeHash returns the hash of the git tree of a folder at HEAD.
func treeHash(dir string) (string, error) {
	out, err := git(dir, "rev-parse", "HEAD:./")
	return strings.TrimSpace(out), err
}

func isDirty(dir string) (bool, error) {
	out, err := git(dir, "status", "--porcelain", "--untracked-files=normal", "--", ".")
	return out != "", err
}

// filesHash hashes the files in the work tree that are tracked or not ignored.
func filesHash(dir string) (string, error) {
	sum := sha256.New()
	for _, which := range [][]string{{"ls-files"}, {"ls-files", "--exclude-standard", "--others"}} {
		list, err := git(dir, which...)
		if err != nil {
			return "", err
		}
		for name := range strings.Lines(list) {
			if err := addFile(sum, filepath.Join(dir, strings.TrimSuffix(name, "\n"))); err != nil {
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
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(sum, f)
	return err
}

// safeConfig prevents git from executing programs of the repository, and lets it read a
// checkout of another user, as in a container.
var safeConfig = []string{
	"-c", "safe.bareRepository=explicit", "-c", "safe.directory=*", "-c", "core.fsmonitor=false",
	"-c", "core.quotePath=false",
}

// git runs git in a folder and returns its output.
func git(dir string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), gitTimeout)
	defer cancel()
	command := exec.CommandContext(ctx, "git", append(append(safeConfig, "-C", dir), args...)...)
	var out, failure strings.Builder
	command.Stdout, command.Stderr = &limited{&out}, &limited{&failure}
	err := command.Run()
	if err != nil {
		message := strings.TrimSpace(failure.String())
		return "", fmt.Errorf("git %s: %w: %s", args[0], err, message[strings.LastIndexByte(message, '\n')+1:])
	}
	return out.String(), nil
}

// limited is a buffer of at most maxOutput bytes.
type limited struct{ *strings.Builder }

func (l *limited) Write(p []byte) (int, error) {
	if l.Len()+len(p) > maxOutput {
		return 0, fmt.Errorf("git printed more than %d MiB", maxOutput>>20)
	}
	return l.Builder.Write(p)
}
