// Package git runs git in a repository whose configuration and content are untrusted. Git
// reads the index and the objects only, with a timeout and bounded output: no hook, filter,
// file-system monitor, transport, replacement of objects or other program of the
// repository's configuration runs, and no variable of the job reaches git.
//
// A Commit reads files of one commit from the object database, as workspace reads those of
// the work tree.
package git

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/org/linuxkit-action/internal/workspace"
)

// Bounds of one run of git.
const (
	timeout   = 30 * time.Second
	maxOutput = 16 << 20
)

// Repository is the root of a repository.
type Repository struct{ root string }

// Open returns the repository that contains a folder.
func Open(dir string) (Repository, error) {
	root, _, err := workspace.Root(filepath.Join(dir, "file"))
	return Repository{root: root}, err
}

// Root returns the top folder of the repository.
func (r Repository) Root() string { return r.root }

// configuration overrides what an untrusted repository could configure to run a program.
// safe.directory is limited to the repository: in a container it may belong to another user.
func (r Repository) configuration() []string {
	return []string{
		"--no-replace-objects", "--literal-pathspecs",
		"-c", "safe.directory=" + r.root, "-c", "safe.bareRepository=explicit", "-c", "protocol.allow=never",
		"-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "core.attributesFile=/dev/null",
		"-c", "core.quotePath=false",
	}
}

// environment has none of the job's variables but the search path: no token reaches git,
// and no GIT_ variable redirects it.
func environment() []string {
	return []string{
		"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent", "LC_ALL=C",
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_OPTIONAL_LOCKS=0", "GIT_NO_LAZY_FETCH=1",
		"GIT_TERMINAL_PROMPT=0", "GIT_ALLOW_PROTOCOL=none",
	}
}

// Run runs git in a folder of the repository and returns its output.
func (r Repository) Run(dir string, args ...string) (string, error) { return r.run(dir, "", args...) }

func (r Repository) run(dir, input string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	command := exec.CommandContext(ctx, "git", append(append(r.configuration(), "-C", dir), args...)...)
	command.Env = environment()
	var out, failure strings.Builder
	command.Stdin, command.Stdout, command.Stderr = strings.NewReader(input), &limited{&out}, &limited{&failure}
	if err := command.Run(); err != nil {
		message := strings.TrimSpace(failure.String())
		return "", fmt.Errorf("git %s: %w: %q", args[0], err, message[strings.LastIndexByte(message, '\n')+1:])
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
