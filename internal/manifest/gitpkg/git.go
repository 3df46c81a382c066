package gitpkg

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/org/linuxkit-action/internal/workspace"
)

// git runs git in one repository.
type git struct{ root string }

// newGit returns a runner for the repository that contains dir.
func newGit(dir string) (git, error) {
	root, _, err := workspace.Root(filepath.Join(dir, "build.yml"))
	return git{root: root}, err
}

// configuration overrides what an untrusted repository could configure to run a program.
// safe.directory is limited to the repository: in a container it may belong to another user.
func (g git) configuration() []string {
	return []string{
		"-c", "safe.directory=" + g.root, "-c", "safe.bareRepository=explicit", "-c", "protocol.allow=never",
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

// run runs git in a folder and returns its output.
func (g git) run(dir string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), gitTimeout)
	defer cancel()
	command := exec.CommandContext(ctx, "git", append(append(g.configuration(), "-C", dir), args...)...)
	command.Env = environment()
	var out, failure strings.Builder
	command.Stdout, command.Stderr = &limited{&out}, &limited{&failure}
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
