package machine

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"regexp"
	"strconv"
	"time"

	"github.com/digitalocean/go-qemu/qmp"
)

// Event is something QEMU reports about the machine.
// https://www.qemu.org/docs/master/interop/qemu-qmp-ref.html
type Event struct {
	Name   string // SHUTDOWN, RESET, GUEST_PANICKED, STOP, POWERDOWN, WATCHDOG
	Reason string // of SHUTDOWN and RESET: guest-shutdown, guest-reset, guest-panic, …
	At     time.Time
}

var wanted = map[string]bool{"SHUTDOWN": true, "RESET": true, "GUEST_PANICKED": true, "STOP": true, "POWERDOWN": true, "WATCHDOG": true}

// Events gives what happens to the machine, in order. It is closed when QEMU ends.
func (m *Machine) Events() <-chan Event { return m.events }

// powerOn makes the QMP connection, learns the forwarded ports and lets the CPUs run.
func (m *Machine) powerOn(ctx context.Context, ports []int) error {
	ctx, cancel := context.WithTimeout(ctx, setupTime)
	defer cancel()
	defer context.AfterFunc(ctx, m.kill)() // Connect knows no deadline, but ends with QEMU
	if err := m.monitor.Connect(); err != nil {
		m.kill()
		<-m.done // for what it said
		close(m.events)
		return fmt.Errorf("QEMU did not start: %w", err)
	}
	events, err := m.monitor.Events(ctx)
	if err != nil {
		return err
	}
	go m.forward(events)
	if err := m.learnPorts(ctx, ports); err != nil {
		return err
	}
	m.PoweredOn = time.Now()
	return m.execute(ctx, "cont", nil, nil)
}

// forward takes events off QEMU's line until it ends: one that nobody takes blocks
// the commands as well. One that finds the buffer full is dropped.
func (m *Machine) forward(events <-chan qmp.Event) {
	defer close(m.events)
	for e := range events {
		if !wanted[e.Event] {
			continue
		}
		reason, _ := e.Data["reason"].(string)
		select {
		case m.events <- Event{Name: e.Event, Reason: reason, At: time.Now()}:
		default:
		}
	}
}

// PowerButton presses the power button; what happens then is up to the guest.
func (m *Machine) PowerButton(ctx context.Context) error {
	return m.execute(ctx, "system_powerdown", nil, nil)
}

// execute runs a QMP command, and decodes what it returns where result is not nil.
func (m *Machine) execute(ctx context.Context, command string, arguments, result any) error {
	request, err := json.Marshal(qmp.Command{Execute: command, Args: arguments})
	if err != nil {
		return err
	}
	type answer struct {
		raw []byte
		err error
	}
	answers := make(chan answer, 1)
	go func() { // Run knows no deadline, but ends with QEMU
		raw, err := m.monitor.Run(request)
		answers <- answer{raw, err}
	}()
	select {
	case <-ctx.Done():
		return fmt.Errorf("QMP %s: %w", command, ctx.Err())
	case a := <-answers:
		if a.err != nil {
			return fmt.Errorf("QMP %s: %w", command, a.err)
		}
		return decodeReturn(a.raw, result)
	}
}

func decodeReturn(raw []byte, result any) error {
	if result == nil {
		return nil
	}
	var response struct{ Return json.RawMessage }
	if err := json.Unmarshal(raw, &response); err != nil {
		return err
	}
	return json.Unmarshal(response.Return, result)
}

// connection is one line of QEMU's "info usernet".
type connection struct {
	state     string // HOST_FORWARD, or a TCP state of the half between QEMU and the guest
	hostPort  int
	guestPort int
}

// TCP[HOST_FORWARD]  11       127.0.0.1 44615       10.0.2.15    80     0     0
var usernetLine = regexp.MustCompile(`(?m)^\s*TCP\[(\w+)\]\s+-?\d+\s+\S+\s+(\d+)\s+\S+\s+(\d+)\s`)

func parseUsernet(text string) []connection {
	var list []connection
	for _, f := range usernetLine.FindAllStringSubmatch(text, -1) {
		host, _ := strconv.Atoi(f[2])
		guest, _ := strconv.Atoi(f[3])
		list = append(list, connection{state: f[1], hostPort: host, guestPort: guest})
	}
	return list
}

func (m *Machine) usernet(ctx context.Context) ([]connection, error) {
	var text string
	err := m.execute(ctx, "human-monitor-command", map[string]string{"command-line": "info usernet"}, &text)
	return parseUsernet(text), err
}

func (m *Machine) learnPorts(ctx context.Context, ports []int) error {
	connections, err := m.usernet(ctx)
	if err != nil {
		return err
	}
	m.addrs = map[int]string{}
	for _, c := range connections {
		if c.state == "HOST_FORWARD" {
			m.addrs[c.guestPort] = net.JoinHostPort("127.0.0.1", strconv.Itoa(c.hostPort))
		}
	}
	for _, p := range ports {
		if m.addrs[p] == "" {
			return fmt.Errorf("QEMU does not forward port %d", p)
		}
	}
	return nil
}

// Established reports whether the guest has accepted a connection to one of its
// ports that is still open. That a connection to Addr succeeds proves nothing: QEMU
// itself accepts it, before it asks the guest.
func (m *Machine) Established(ctx context.Context, port int) (bool, error) {
	connections, err := m.usernet(ctx)
	for _, c := range connections {
		if c.state == "ESTABLISHED" && c.guestPort == port {
			return true, nil
		}
	}
	return false, err
}
