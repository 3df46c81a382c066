package boottest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/org/linuxkit-action/internal/boottest/console"
	"github.com/org/linuxkit-action/internal/boottest/judge"
	"github.com/org/linuxkit-action/internal/boottest/machine"
	"github.com/org/linuxkit-action/internal/boottest/report"
	"github.com/org/linuxkit-action/internal/boottest/spec"
	"github.com/org/linuxkit-action/internal/build/artifacts"
)

// tcgSlowness is by what deadlines are multiplied without KVM. Debian's kernel with a
// small initrd needs 2.8 s to /init under TCG, on an idle processor; with KVM it is well
// under one. A deadline that is too long costs time only when the guest hangs.
const tcgSlowness = 4

// serial is the terminal on the machine's serial port, as Linux calls it.
var serial = map[string]string{"amd64": "ttyS0", "arm64": "ttyAMA0"}

// bootFormat boots one format and judges it. An error means that it could not be
// tried; whatever the guest does is in the Boot.
func bootFormat(ctx context.Context, set *artifacts.Set, format string, s spec.Spec, o Options) (report.Boot, error) {
	b := report.Boot{Format: format, Notes: []string{}}
	found, err := locate(set, format)
	if err != nil {
		return b, err
	}
	if budget := s.Budget.Image; budget > 0 && found.bytes > int64(budget) {
		b.Outcome = judge.NotBooted(fmt.Sprintf("the image takes %v; the budget is %v", spec.Size(found.bytes), budget), "budget")
		return b, nil
	}
	note := func(text string) {
		b.Notes = append(b.Notes, console.Sanitize(text))
		fmt.Fprintf(o.Log, "boot test: %s: %s\n", format, console.EscapeCommands(console.Sanitize(text)))
	}
	if tty := serial[set.Arch]; !strings.Contains(found.cmdline, tty) {
		note(fmt.Sprintf("the kernel's command line has no console=%s: what is not on the console cannot be tested", tty))
	}
	feed, err := newFeed(o.ReportDir, format)
	if err != nil {
		return b, err
	}
	m, err := machine.Boot(ctx, machineOptions(set, found, s, o, feed), note)
	if err != nil {
		feed.abandon()
		return b, err
	}
	b.Accelerator = string(m.Accel)
	task := makeTask(set, s, o, m.Accel, note)
	fmt.Fprintf(o.Log, "boot test: %s: booting under %s, at most %v\n", format, m.Accel, task.Spec.Timeout)
	d := &driver{machine: m, feed: feed, judge: judge.New(task)}
	err = d.drive(ctx)
	feed.stop()
	m.Close()
	if closeErr := feed.close(note); err == nil {
		err = closeErr
	}
	b.Outcome, b.LastLines, b.Console = d.judge.Outcome(), d.last, feed.name()
	return b, err
}

func machineOptions(set *artifacts.Set, f files, s spec.Spec, o Options, feed *feed) machine.Options {
	m := machine.Options{
		Arch: set.Arch, Accel: o.Accel, Kernel: f.kernel, Initrd: f.initrd, Cmdline: f.cmdline,
		Memory: s.Memory, CPUs: s.CPUs, Ports: s.Ports(), Console: feed,
	}
	if o.Memory > 0 {
		m.Memory = o.Memory
	}
	if o.CPUs > 0 {
		m.CPUs = o.CPUs
	}
	for _, d := range s.Disks {
		m.Disks = append(m.Disks, int64(d.Size))
	}
	return m
}

// makeTask says what must be proved, once it is known how fast the machine is.
func makeTask(set *artifacts.Set, s spec.Spec, o Options, accel machine.Accel, note func(string)) judge.Config {
	t := judge.Config{
		Builtin: set.Init == builtin, Onboot: set.Names("onboot"), Services: set.Names("service"),
		Graceful: s.Shutdown != spec.Kill, Slowness: 1,
	}
	if accel == machine.TCG {
		t.Slowness = tcgSlowness
	}
	t.Spec = s.Scaled(t.Slowness)
	if o.Timeout > 0 {
		t.Spec.Timeout = o.Timeout
	}
	// The stock init does not hear the power button: the acpid service does.
	if s.Shutdown == "" && !t.Builtin && !slices.Contains(t.Services, "acpid") {
		t.Graceful = false
		note("the shutdown is not tested: this init needs the service acpid for it")
	}
	return t
}

// driver carries what happens to the judge, and the judge's orders to the machine.
type driver struct {
	machine *machine.Machine
	feed    *feed
	judge   *judge.Judge
	reader  console.Splitter
	last    []string // lines of the console
	probes  chan answer
}

// lastLines is how many lines of the console a person is shown.
const lastLines = 20

func (d *driver) drive(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the probes
	d.probes = make(chan answer)
	timer := time.NewTimer(0)
	defer timer.Stop()
	events := d.machine.Events()
	for !d.judge.Done() {
		if err := d.obey(ctx); err != nil {
			return err
		}
		timer.Reset(d.judge.Deadline() - d.since(time.Now()))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case c := <-d.feed.chunks:
			d.read(c)
		case e, open := <-events:
			if !open {
				events = nil
				continue
			}
			d.judge.HandleEvent(e.Name, e.Reason, d.since(e.At))
		case a := <-d.probes:
			d.judge.HandleProbe(a.index, d.since(time.Now()), a.err)
		case <-timer.C:
			d.readAll()
			d.judge.Tick(d.since(time.Now()))
		case <-d.machine.Done():
			d.end(events)
		}
	}
	return nil
}

func (d *driver) since(t time.Time) time.Duration { return max(0, t.Sub(d.machine.PoweredOn)) }

// read gives a piece of the console to the judge.
func (d *driver) read(c chunk) {
	d.tell(d.reader.Append(c.bytes, d.since(c.at)))
	if !d.judge.WantsPartial() {
		return
	}
	if l, ok := d.reader.Partial(); ok {
		d.judge.HandlePartial(l)
	}
}

func (d *driver) tell(lines []console.Line) {
	for _, l := range lines {
		d.last = append(d.last[max(0, len(d.last)-lastLines+1):], l.Text)
		d.judge.HandleLine(l)
	}
}

// readAll takes in what has already come, which is older than the clock.
func (d *driver) readAll() {
	for {
		select {
		case c := <-d.feed.chunks:
			d.read(c)
		default:
			return
		}
	}
}

// end tells the judge the rest of the console and of the events, then that QEMU is gone.
func (d *driver) end(events <-chan machine.Event) {
	d.readAll()
	d.tell(d.reader.Flush())
	if events != nil {
		for e := range events { // closed, as QEMU is gone
			d.judge.HandleEvent(e.Name, e.Reason, d.since(e.At))
		}
	}
	d.judge.HandleExit(d.machine.Exit(), d.since(time.Now()))
}
