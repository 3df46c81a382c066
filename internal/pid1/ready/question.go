package ready

import (
	"context"
	"errors"
	"os"

	"github.com/org/linuxkit-action/internal/pid1/config"
	"github.com/org/linuxkit-action/internal/pid1/process"
)

// asker asks the service whose first process is pid whether it is ready.
type asker func(ctx context.Context, pid int) error

// question returns how PID 1 asks for the proof in r, or nil where it has nothing to ask.
func question(r config.Ready, m Means) (asker, error) {
	switch {
	case r.TCP != "":
		return tcp(r.TCP)
	case r.HTTP != "":
		return http(r.HTTP)
	case r.File != "":
		return func(context.Context, int) error {
			_, err := os.Stat(r.File)
			return err
		}, nil
	case len(r.Exec) > 0:
		return func(ctx context.Context, _ int) error { return m.exec(ctx, r.Exec) }, nil
	}
	return nil, nil
}

// exec runs a command of the machine. What it prints goes nowhere: it is run
// again and again, and would fill a log.
func (m Means) exec(ctx context.Context, args []string) error {
	status, err := m.Reaper.Run(ctx, process.Program{Args: args, Env: m.Environ, Stdin: m.Null, Stdout: m.Null, Stderr: m.Null})
	if err == nil && status != 0 {
		key, value := process.Outcome(status)
		err = errors.New(args[0] + ": " + key + " " + value)
	}
	return err
}
