package machine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"
)

// Accel is what runs the guest's instructions.
type Accel string

// Accelerators.
const (
	Auto Accel = "auto" // KVM where it works, else TCG; so is ""
	KVM  Accel = "kvm"  // the processor itself
	TCG  Accel = "tcg"  // QEMU's translator: works everywhere, several times slower
)

// patience is how long a machine under KVM may be silent before we hold KVM for
// broken. A kernel says its first word within half a second of power-on there.
const patience = 8 * time.Second

// Boot starts a machine with the accelerator that o asks for. With Auto, a KVM that
// is there and does not work is told to note, in one line, and the machine starts
// over under TCG. The console gets nothing from a start that failed.
func Boot(ctx context.Context, o Options, note func(string)) (*Machine, error) {
	if o.Accel == TCG {
		return Start(ctx, o)
	}
	forced := o.Accel == KVM
	o.Accel = KVM
	err := checkKVM(o.Arch)
	if err == nil {
		var m *Machine
		if m, err = startKVM(ctx, o); err == nil {
			return m, nil
		}
	}
	switch {
	case ctx.Err() != nil:
		return nil, fmt.Errorf("%w: %w", ErrMachine, ctx.Err())
	case forced:
		return nil, fmt.Errorf("%w: KVM: %w; use --accel tcg", ErrMachine, err)
	}
	note(fmt.Sprintf("no KVM, using TCG: %v", err))
	o.Accel = TCG
	return Start(ctx, o)
}

// checkKVM reports why KVM cannot even be tried.
func checkKVM(arch string) error {
	if arch != runtime.GOARCH {
		return fmt.Errorf("this machine is %s, the image %s", runtime.GOARCH, arch)
	}
	f, err := os.OpenFile("/dev/kvm", os.O_RDWR, 0)
	switch {
	case errors.Is(err, os.ErrPermission):
		return fmt.Errorf("%w; add yourself to the group kvm", err)
	case err != nil:
		return err
	}
	defer f.Close()
	const stable = 12 // linux/kvm.h
	if v, err := kvmVersion(f); err != nil || v != stable {
		return fmt.Errorf("/dev/kvm answers with version %d, not %d (%v)", v, stable, err)
	}
	return nil
}

// startKVM starts a machine and waits for its first word, which alone proves that
// the guest runs: KVM can be there, make a machine, and execute nothing.
func startKVM(ctx context.Context, o Options) (*Machine, error) {
	m, err := begin(ctx, o)
	if err != nil {
		return nil, err
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-m.spoke:
		return m, nil
	case <-m.Done():
		err = errors.New(m.Exit())
	case <-timer.C:
		err = fmt.Errorf("not a byte on the console within %v", patience)
	}
	m.Close()
	return nil, err
}
