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

// firstOutputTimeout is the time from power-on to the first byte on the console after
// which KVM counts as broken. A working kernel prints within half a second under KVM.
const firstOutputTimeout = 8 * time.Second

// Boot starts a machine with the accelerator of o. With Auto it falls back to TCG if KVM
// is missing or does not work, and calls note with the reason in one line. A failed start
// under KVM writes nothing to the console.
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

// kvmAPIVersion is the only stable version of the API (KVM_API_VERSION, linux/kvm.h).
const kvmAPIVersion = 12

// checkKVM returns why KVM cannot be used.
func checkKVM(arch string) error {
	if arch != runtime.GOARCH {
		return fmt.Errorf("this machine is %s, the image is %s", runtime.GOARCH, arch)
	}
	f, err := os.OpenFile("/dev/kvm", os.O_RDWR, 0)
	switch {
	case errors.Is(err, os.ErrPermission):
		return fmt.Errorf("%w; add yourself to the group kvm", err)
	case err != nil:
		return err
	}
	defer f.Close()
	version, err := kvmVersion(f)
	if err != nil {
		return fmt.Errorf("/dev/kvm: API version: %w", err)
	}
	if version != kvmAPIVersion {
		return fmt.Errorf("/dev/kvm: API version %d, want %d", version, kvmAPIVersion)
	}
	return nil
}

// startKVM starts a machine and waits for the first byte on its console. Only that proves
// that the guest runs: nested KVM may create a machine and execute nothing.
func startKVM(ctx context.Context, o Options) (*Machine, error) {
	m, err := start(ctx, o)
	if err != nil {
		return nil, err
	}
	timer := time.NewTimer(firstOutputTimeout)
	defer timer.Stop()
	select {
	case <-m.firstOutput:
		return m, nil
	case <-m.Done():
		err = errors.New(m.Exit())
	case <-timer.C:
		err = fmt.Errorf("no console output within %v", firstOutputTimeout)
	}
	m.Close()
	return nil, err
}
