package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/org/linuxkit-action/internal/component/lock"
	"github.com/org/linuxkit-action/internal/git"
	"github.com/org/linuxkit-action/internal/manifest/strict"
	"github.com/org/linuxkit-action/internal/markup"
	"github.com/org/linuxkit-action/internal/verify/policy"
	"github.com/org/linuxkit-action/internal/workspace"
)

// openCommit returns a commit of the repository of the working directory.
func openCommit(ref string) (*git.Commit, error) {
	repository, err := git.Open(".")
	if err != nil {
		return nil, err
	}
	return repository.Commit(ref)
}

// policyFiles returns where the policy is read from: the commit of --policy-ref, or else
// the work tree.
func (p *pipeline) policyFiles() (policy.Files, error) {
	if p.policyRef == "" {
		return workspace.Files{}, nil
	}
	commit, err := openCommit(p.policyRef)
	if err != nil {
		return nil, fmt.Errorf("--policy-ref: %w", err)
	}
	return commit, nil
}

// baseRef returns the commit to compare policy, keys and lock with: that of --policy-ref, or
// the base of the pull request that the job is for; "" for none.
func (p *pipeline) baseRef() string {
	if base := os.Getenv("GITHUB_BASE_REF"); p.policyRef == "" && base != "" {
		return "origin/" + base
	}
	return p.policyRef
}

// showChanges reports how policy, keys and lock of the work tree differ from those of the
// base, whatever the verdict will be. A base or a file that cannot be read is reported and
// ends nothing: the steps that need it return the error.
func (p *pipeline) showChanges() {
	ref := p.baseRef()
	if ref == "" {
		return
	}
	commit, err := openCommit(ref)
	if err != nil {
		p.reportChanges(ref, []policy.Change{{Subject: "not compared", New: err.Error()}})
		return
	}
	p.reportChanges(commit.String(), append(p.policyChanges(commit), p.lockChanges(commit)...))
}

func (p *pipeline) policyChanges(base policy.Files) []policy.Change {
	older, err := p.readPolicy(base)
	if err != nil {
		return []policy.Change{{Subject: "policy of the base", Old: err.Error()}}
	}
	newer, err := p.readPolicy(workspace.Files{})
	if err != nil {
		return []policy.Change{{Subject: "policy", New: err.Error()}}
	}
	return older.Changes(newer)
}

// readPolicy reads a policy; it is nil where there is none.
func (p *pipeline) readPolicy(files policy.Files) (*policy.Policy, error) {
	rules, _, err := policy.Load(files, p.policy)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return rules, err
}

func (p *pipeline) lockChanges(base policy.Files) []policy.Change {
	older, err := readLock(base, p.lockFile())
	if err != nil {
		return []policy.Change{{Subject: "lock of the base", Old: err.Error()}}
	}
	newer, err := readLock(workspace.Files{}, p.lockFile())
	if err != nil {
		return []policy.Change{{Subject: "lock", New: err.Error()}}
	}
	var changes []policy.Change
	for _, c := range older.Changes(newer) {
		changes = append(changes, policy.Change{Subject: "lock: " + c.Reference, Old: shownImage(c.Old), New: shownImage(c.New)})
	}
	return changes
}

// readLock reads a lock; it has no images where there is none.
func readLock(files policy.Files, path string) (*lock.Lock, error) {
	data, err := files.ReadFile(path, strict.MaxBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return lock.New(), nil
	}
	if err != nil {
		return nil, err
	}
	return lock.Parse(path, data)
}

func shownImage(image *lock.Image) string {
	if image == nil {
		return ""
	}
	text := image.IndexDigest.String()
	if image.Signer != "" {
		text += ", signed by " + image.Signer
	}
	return text
}

// reportChanges prints the changes and adds them to the job summary.
func (p *pipeline) reportChanges(base string, changes []policy.Change) {
	if len(changes) == 0 {
		return
	}
	const none = "none"
	var table strings.Builder
	fmt.Fprintf(&table, "## Policy, keys and lock: changes against %s\n\n| what | base | now |\n|---|---|---|\n", markup.Escape(base))
	for _, c := range changes {
		before, after := cmp.Or(c.Old, none), cmp.Or(c.New, none)
		p.show.Note("changed against %s: %s: %s → %s", base, c.Subject, markup.Line(before), markup.Line(after))
		fmt.Fprintf(&table, "| %s | %s | %s |\n", markup.Escape(c.Subject), markup.Escape(before), markup.Escape(after))
	}
	p.summarize(string(markup.EscapeCommands([]byte(table.String() + "\n"))))
}
