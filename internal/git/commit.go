package git

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"unicode"

	"github.com/org/linuxkit-action/internal/workspace"
)

// ErrCommit is wrapped by the error for a commit that the clone does not have, or that has
// objects missing.
var ErrCommit = errors.New("commit is not readable")

// remedy is what to do about a clone that lacks a commit.
const remedy = "with actions/checkout, set fetch-depth: 0"

// Commit is one commit of a repository.
type Commit struct {
	repository Repository
	ref, hash  string
}

// Commit resolves a branch, tag or hash. Errors wrap ErrCommit.
func (r Repository) Commit(ref string) (*Commit, error) {
	if ref == "" || strings.HasPrefix(ref, "-") || strings.IndexFunc(ref, unprintable) >= 0 {
		return nil, fmt.Errorf("%w: %q: not a branch, tag or hash", ErrCommit, ref)
	}
	if !workspace.Exists(filepath.Join(r.root, ".git")) {
		return nil, fmt.Errorf("%w: %s: %s is not a git repository; check out the repository", ErrCommit, ref, r.root)
	}
	out, err := r.Run(r.root, "rev-parse", "--verify", "--quiet", "--end-of-options", ref+"^{commit}")
	if err != nil {
		return nil, fmt.Errorf("%w: %s is not in this clone; fetch it (%s)", ErrCommit, ref, remedy)
	}
	return &Commit{repository: r, ref: ref, hash: strings.TrimSpace(out)}, nil
}

func unprintable(r rune) bool { return !unicode.IsPrint(r) }

// String returns the reference and the beginning of the hash.
func (c *Commit) String() string {
	short := c.hash[:min(12, len(c.hash))]
	if strings.HasPrefix(c.hash, c.ref) {
		return short
	}
	return c.ref + " (" + short + ")"
}

// ReadFile returns the content that a file of the work tree has in the commit, of at most
// limit bytes. A symbolic link is followed inside the commit. Errors wrap fs.ErrNotExist,
// ErrCommit, or one of package workspace.
func (c *Commit) ReadFile(name string, limit int64) ([]byte, error) {
	rel, err := c.path(name)
	if err != nil {
		return nil, err
	}
	found, err := c.repository.run(c.repository.root, c.hash+":"+rel+"\n", "cat-file", "--batch-check", "--follow-symlinks")
	if err != nil {
		return nil, c.incomplete(name, err)
	}
	header, _, _ := strings.Cut(found, "\n")
	fields := strings.Fields(header)
	switch {
	case strings.HasSuffix(header, " missing"):
		return nil, c.missing(name, rel)
	case len(fields) != 3 || fields[1] != "blob":
		return nil, fmt.Errorf("%s in %s: %w; a link has to lead to a file of the commit", name, c, workspace.ErrNotRegular)
	}
	size, err := strconv.ParseInt(fields[2], 10, 64)
	if err != nil || size > limit {
		return nil, fmt.Errorf("%s in %s: %w; the limit is %d bytes", name, c, workspace.ErrTooLarge, limit)
	}
	content, err := c.repository.Run(c.repository.root, "cat-file", "blob", fields[0])
	if err != nil {
		return nil, c.incomplete(name, err)
	}
	return []byte(content), nil
}

// path returns the path of a file in the repository.
func (c *Commit) path(name string) (string, error) {
	full, err := filepath.Abs(name)
	if err != nil {
		return "", err
	}
	rel, err := filepath.Rel(c.repository.root, full)
	if err != nil || !filepath.IsLocal(rel) || rel == "." {
		return "", fmt.Errorf("%s: %w; only files of the repository are in %s", name, workspace.ErrOutside, c)
	}
	if strings.IndexFunc(rel, unprintable) >= 0 {
		return "", fmt.Errorf("%q: %w; rename it", name, fs.ErrInvalid)
	}
	return filepath.ToSlash(rel), nil
}

func (c *Commit) incomplete(name string, err error) error {
	return fmt.Errorf("%w: %s in %s: %w; fetch the whole commit (%s, without a filter)", ErrCommit, name, c, err, remedy)
}

// missing distinguishes a file that the commit does not have from one whose object a
// partial clone lacks: a policy that is not fetched must not count as none.
func (c *Commit) missing(name, rel string) error {
	listed, err := c.repository.Run(c.repository.root, "ls-tree", "-z", "--full-tree", c.hash, "--", rel)
	if err != nil {
		return c.incomplete(name, err)
	}
	if listed != "" {
		return c.incomplete(name, errors.New("its object is not in this clone"))
	}
	return fmt.Errorf("%s in %s: %w", name, c, fs.ErrNotExist)
}
