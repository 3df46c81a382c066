// Package gitpkg names the image that LinuxKit makes of a package: a folder with a
// build.yml, in a git repository. The tag is the hash of the folder's content, so a
// manifest that says @pkg:DIR always means the image of just that content.
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
var ErrPackage = errors.New("no package to name")

// ErrRemote is returned for a template in a manifest that lies in no folder.
var ErrRemote = fmt.Errorf("%w: the manifest is not a file here, so it has no folder to look in", ErrPackage)

// Bounds of what a stranger's repository may make us do.
const (
	gitTimeout    = 30 * time.Second
	maxBuildBytes = 1 << 20
	maxOutput     = 16 << 20
)

// settings are those keys of build.yml (LinuxKit's docs/packages.md) that make the name.
type settings struct {
	Org          string   `yaml:"org"`
	Image        string   `yaml:"image"`
	Tag          string   `yaml:"tag"`
	ExtraSources []string `yaml:"extra-sources"`
}

// Tag returns org/image:tag of the package in dir. A package with changes that are not
// committed has -dirty- and the beginning of a hash of its files in its tag.
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

// expand fills the hash into the tag, which is a template of Go's.
func expand(tag, hash string) (string, error) {
	t, err := template.New("").Option("missingkey=error").Parse(tag)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	err = t.Execute(&out, map[string]string{"Hash": hash})
	return out.String(), err
}

// contentHash is git's hash of the folder, joined with those of the extra sources, and
// marked where there is more in the folder than git knows.
func contentHash(dir string, extra []string) (string, error) {
	result, err := treeHash(dir)
	if err != nil {
		return "", err
	}
	var joined string
	for _, source := range extra {
		from, _, _ := strings.Cut(source, ":")
		if !filepath.IsAbs(from) {
			from = filepath.Join(dir, from)
		}
		hash, err := treeHash(from)
		if err != nil {
			return "", err
		}
		joined += hash
	}
	if joined != "" {
		sum := sha1.Sum([]byte(result + joined))
		result = hex.EncodeToString(sum[:])
	}
	dirty, err := isDirty(dir)
	if err != nil || !dirty {
		return result, err
	}
	sum, err := filesHash(dir)
	return result + "-dirty-" + sum[:min(7, len(sum))], err
}

// treeHash returns the hash of the git tree of a folder in the last commit.
func treeHash(dir string) (string, error) {
	out, err := git(dir, "rev-parse", "HEAD:./")
	return strings.TrimSpace(out), err
}

func isDirty(dir string) (bool, error) {
	out, err := git(dir, "status", "--porcelain", "--untracked-files=normal", "--", ".")
	return out != "", err
}

// filesHash hashes the files that git knows or would add, as they are now.
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

// addFile hashes a regular file. Others, and those that are gone, do not count.
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

// careful keeps a stranger's repository from having its own programs run, and lets a
// container read a checkout that is another user's.
var careful = []string{
	"-c", "safe.bareRepository=explicit", "-c", "safe.directory=*", "-c", "core.fsmonitor=false",
	"-c", "core.quotePath=false",
}

// git asks git about a folder.
func git(dir string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), gitTimeout)
	defer cancel()
	command := exec.CommandContext(ctx, "git", append(append(careful, "-C", dir), args...)...)
	var out, failure strings.Builder
	command.Stdout, command.Stderr = &limited{&out}, &limited{&failure}
	err := command.Run()
	if err != nil {
		words := strings.TrimSpace(failure.String())
		return "", fmt.Errorf("git %s: %w: %s", args[0], err, words[strings.LastIndexByte(words, '\n')+1:])
	}
	return out.String(), nil
}

// limited keeps as much as is reasonable.
type limited struct{ *strings.Builder }

func (l *limited) Write(p []byte) (int, error) {
	if l.Len()+len(p) > maxOutput {
		return 0, fmt.Errorf("git says more than %d MiB", maxOutput>>20)
	}
	return l.Builder.Write(p)
}
