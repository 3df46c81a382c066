//go:build !linux

package machine

import (
	"errors"
	"os"
	"syscall"
)

// childAttributes makes QEMU the leader of a process group. Other systems than Linux
// have no signal for the death of a parent: a killed run leaves QEMU behind.
func childAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// limitProcess does nothing: only Linux limits another process.
func limitProcess(int, Options) {}

// kvmVersion fails: only Linux has KVM.
func kvmVersion(*os.File) (int, error) { return 0, errors.ErrUnsupported }
