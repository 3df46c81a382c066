package halt

import (
	"errors"

	"github.com/org/linuxkit-action/internal/pid1/file"
)

// ErrNoKernel is what is said of a kexec without a kernel to go to.
var ErrNoKernel = errors.New("no kernel is loaded; load one first, as by kexec -l of kexec-tools")

// kexecLoaded is "1" when there is one (Documentation/ABI/testing/sysfs-kernel-kexec_loaded).
const kexecLoaded = "/sys/kernel/kexec_loaded"

// Possible returns nil, or why the machine cannot be ended that way.
func Possible(how How) error { return possible(how, kexecLoaded) }

func possible(how How, loaded string) error {
	if how == Kexec && file.Line(loaded) != "1" {
		return ErrNoKernel
	}
	return nil
}
