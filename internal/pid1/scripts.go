package pid1

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/org/linuxkit-action/internal/pid1/console"
	"github.com/org/linuxkit-action/internal/pid1/process"
)

// runScripts runs the executables of a directory in name order, each within its timeout, with the
// console as output. Links to LinuxKit's "service" are skipped: PID 1 does itself what they stand
// for (volumes, onboot, containerd, onshutdown).
func (m *machine) runScripts(ctx context.Context, dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		m.logError(err, "the scripts in "+dir)
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if ctx.Err() != nil {
			return
		}
		if isService(path) {
			m.console.Log(console.Debug, path+": skipped; built into PID 1")
			continue
		}
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			m.runScript(ctx, path)
		}
	}
}

func isService(path string) bool {
	target, err := os.Readlink(path)
	return err == nil && filepath.Base(target) == "service"
}

func (m *machine) runScript(ctx context.Context, path string) {
	m.console.Log(console.Debug, "run "+path)
	m.logError(m.command(ctx, scriptTimeout, environ, path), "what "+path+" sets up")
}

// command runs a program within its timeout, with the console as output.
func (m *machine) command(ctx context.Context, timeout time.Duration, env []string, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	status, err := m.reaper.Run(ctx, process.Program{
		Args: args, Env: env, Stdin: m.null, Stdout: os.Stdout, Stderr: os.Stderr,
	})
	if err == nil && status != 0 {
		err = errors.New(args[0] + ": " + process.OutcomeOf(status).String())
	}
	return err
}
