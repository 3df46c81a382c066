package boottest

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/org/linuxkit-action/internal/boottest/console"
	"github.com/org/linuxkit-action/internal/boottest/judge"
	"github.com/org/linuxkit-action/internal/boottest/machine"
	"github.com/org/linuxkit-action/internal/boottest/report"
	"github.com/org/linuxkit-action/internal/boottest/spec"
	"github.com/org/linuxkit-action/internal/build/artifacts"
)

// tcgSlowness is the factor of deadlines without KVM. Debian's kernel with a small initrd
// takes 2.8 s to /init under TCG on an idle CPU, and well under one second under KVM. A
// longer deadline costs time only if the guest hangs.
const tcgSlowness = 4

// serialDevices are the names of the serial console in Linux, by architecture.
var serialDevices = map[string]string{"amd64": "ttyS0", "arm64": "ttyAMA0"}

// bootFormat boots one format and judges it. An error means that the boot could not be
// tried; a failure of the guest is in the result.
func bootFormat(ctx context.Context, set *artifacts.Set, format string, s spec.Spec, o Options) (report.Boot, error) {
	b := report.Boot{Format: format, Notes: []string{}}
	f, err := locate(set, format)
	if err != nil {
		return b, err
	}
	if budget := s.Budget.Image; budget > 0 && f.size > int64(budget) {
		b.Outcome = judge.NotBooted(fmt.Sprintf("the image takes %v; the budget is %v", spec.Size(f.size), budget), "budget")
		return b, nil
	}
	note := func(text string) {
		b.Notes = append(b.Notes, console.Sanitize(text))
		fmt.Fprintf(o.Log, "boot test: %s: %s\n", format, console.EscapeCommands(console.Sanitize(text)))
	}
	if tty := serialDevices[set.Arch]; !strings.Contains(f.cmdline, tty) {
		note(fmt.Sprintf("the kernel command line has no console=%s; only output on the console can be tested", tty))
	}
	stream, err := newStream(o.ReportDir, format)
	if err != nil {
		return b, err
	}
	m, err := machine.Boot(ctx, machineOptions(set, f, s, o, stream), note)
	if err != nil {
		stream.discard()
		return b, err
	}
	b.Accelerator = string(m.Accel)
	config := judgeConfig(set, s, o, m.Accel, note)
	fmt.Fprintf(o.Log, "boot test: %s: booting under %s, time limit %v\n", format, m.Accel, config.Spec.Timeout)
	d := &driver{machine: m, stream: stream, judge: judge.New(config)}
	err = d.run(ctx)
	stream.stop()
	m.Close()
	if closeErr := stream.close(note); err == nil {
		err = closeErr
	}
	b.Outcome, b.LastLines, b.Console = d.judge.Outcome(), d.lastLines, stream.name()
	return b, err
}

func machineOptions(set *artifacts.Set, f bootFiles, s spec.Spec, o Options, console *stream) machine.Options {
	m := machine.Options{
		Arch: set.Arch, Accel: o.Accel, Kernel: f.kernel, Initrd: f.initrd, Cmdline: f.cmdline,
		Memory: s.Memory, CPUs: s.CPUs, Ports: s.Ports(), Console: console, OpenNetwork: s.Network == spec.Open,
	}
	for _, d := range s.Disks {
		m.Disks = append(m.Disks, int64(d.Size))
	}
	return m
}

// judgeConfig returns what the boot must prove, with deadlines for the accelerator.
func judgeConfig(set *artifacts.Set, s spec.Spec, o Options, accel machine.Accel, note func(string)) judge.Config {
	c := judge.Config{
		Builtin: set.Init == builtin, Onboot: set.Names("onboot"), Services: set.Names("service"),
		Graceful: s.Shutdown != spec.Kill, Slowness: 1,
	}
	if accel == machine.TCG {
		c.Slowness = tcgSlowness
	}
	c.Spec = s.Scaled(c.Slowness)
	if o.Timeout > 0 {
		c.Spec.Timeout = o.Timeout
	}
	// LinuxKit's init does not handle the power button; the service acpid does.
	if s.Shutdown == "" && !c.Builtin && !slices.Contains(c.Services, "acpid") {
		c.Graceful = false
		note("shutdown is not tested: this init needs the service acpid for it")
	}
	return c
}
