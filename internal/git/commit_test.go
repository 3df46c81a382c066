package git

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/org/linuxkit-action/internal/workspace"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func run(t *testing.T, dir string, args ...string) {
	t.Helper()
	identity := []string{"-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "protocol.file.allow=always", "-C", dir}
	if out, err := exec.Command("git", append(identity, args...)...).CombinedOutput(); err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
}

// newRepository returns a repository of two commits: base, and one that changes the policy
// and is followed by changes of the work tree.
func newRepository(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string) {
		must(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755))
		must(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	write("policy.yml", "base")
	write("keys/acme.pub", "key")
	must(t, os.Symlink("keys/acme.pub", filepath.Join(dir, "link")))
	must(t, os.Symlink("../../etc/passwd", filepath.Join(dir, "outside")))
	must(t, os.Symlink("loop", filepath.Join(dir, "loop")))
	run(t, dir, "init", "--quiet", "--initial-branch", "main")
	run(t, dir, "add", ".")
	run(t, dir, "commit", "--quiet", "--message", "base")
	run(t, dir, "tag", "base")
	write("policy.yml", "pull request")
	run(t, dir, "commit", "--quiet", "--all", "--message", "pull request")
	write("policy.yml", "work tree")
	return dir
}

func openCommit(t *testing.T, dir, ref string) *Commit {
	t.Helper()
	repository, err := Open(dir)
	must(t, err)
	commit, err := repository.Commit(ref)
	must(t, err)
	return commit
}

func TestReadFileReadsTheCommitAndNotTheWorkTree(t *testing.T) {
	t.Parallel()
	dir := newRepository(t)
	// A filter or a replacement of the repository's configuration has no effect.
	run(t, dir, "config", "filter.x.smudge", "echo smudged")
	must(t, os.WriteFile(filepath.Join(dir, ".gitattributes"), []byte("* filter=x\n"), 0o600))
	run(t, dir, "replace", "base", "main")
	commit := openCommit(t, dir, "base")
	for name, want := range map[string]string{"policy.yml": "base", "link": "key", "keys/../policy.yml": "base"} {
		if got, err := commit.ReadFile(filepath.Join(dir, name), 100); string(got) != want || err != nil {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func TestReadFileRejects(t *testing.T) {
	t.Parallel()
	dir := newRepository(t)
	commit := openCommit(t, dir, "main")
	for name, want := range map[string]error{
		"none.yml": fs.ErrNotExist, "keys": workspace.ErrNotRegular, "outside": workspace.ErrNotRegular, "loop": workspace.ErrNotRegular,
		"../policy.yml": workspace.ErrOutside, "a\nb": fs.ErrInvalid, "policy.yml": workspace.ErrTooLarge,
	} {
		if got, err := commit.ReadFile(filepath.Join(dir, name), 3); !errors.Is(err, want) {
			t.Errorf("%s: %q, %v, want %v", name, got, err, want)
		}
	}
}

// TestRejectsCommitOfShallowClone: the error names what to change in the workflow.
func TestRejectsCommitOfShallowClone(t *testing.T) {
	t.Parallel()
	dir, clone := newRepository(t), filepath.Join(t.TempDir(), "clone")
	run(t, dir, "clone", "--quiet", "--depth", "1", "file://"+dir, clone)
	repository, err := Open(clone)
	must(t, err)
	for _, ref := range []string{"base", "main~1"} {
		if _, err = repository.Commit(ref); !errors.Is(err, ErrCommit) || !strings.Contains(err.Error(), "fetch-depth: 0") {
			t.Errorf("%s: %v", ref, err)
		}
	}
	for _, ref := range []string{"", "--help", "main\n", "-c x"} {
		if _, err = repository.Commit(ref); !errors.Is(err, ErrCommit) {
			t.Errorf("%q: %v", ref, err)
		}
	}
}

// TestMissingObjectIsNotAMissingFile: a policy that a partial clone lacks is no absent one.
func TestMissingObjectIsNotAMissingFile(t *testing.T) {
	t.Parallel()
	dir, clone := newRepository(t), filepath.Join(t.TempDir(), "clone")
	run(t, dir, "config", "uploadpack.allowFilter", "true")
	run(t, dir, "clone", "--quiet", "--no-checkout", "--filter", "blob:none", "file://"+dir, clone)
	_, err := openCommit(t, clone, "main").ReadFile(filepath.Join(clone, "policy.yml"), 100)
	if !errors.Is(err, ErrCommit) || errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "fetch-depth: 0") {
		t.Errorf("got %v", err)
	}
}
