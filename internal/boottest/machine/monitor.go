package machine

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/digitalocean/go-qemu/qmp"
)

// Event is an event of the machine that QEMU reports.
// https://www.qemu.org/docs/master/interop/qemu-qmp-ref.html
type Event struct {
	Name   string // SHUTDOWN, RESET, GUEST_PANICKED, STOP, POWERDOWN, WATCHDOG
	Reason string // of SHUTDOWN and RESET: guest-shutdown, guest-reset, guest-panic, …
	At     time.Time
}

// eventNames are the events that Events delivers.
var eventNames = []string{"SHUTDOWN", "RESET", "GUEST_PANICKED", "STOP", "POWERDOWN", "WATCHDOG"}

// Events returns the events of the machine, in order. The channel is closed when QEMU
// ends.
func (m *Machine) Events() <-chan Event { return m.events }

// powerOn connects QMP, reads the forwarded ports and starts the CPUs.
func (m *Machine) powerOn(ctx context.Context, ports []int) error {
	ctx, cancel := context.WithTimeout(ctx, setupTimeout)
	defer cancel()
	defer context.AfterFunc(ctx, m.kill)() // Connect has no deadline, but fails when QEMU ends
	if err := m.monitor.Connect(); err != nil {
		m.kill()
		<-m.done // its standard error is complete
		close(m.events)
		return fmt.Errorf("start QEMU: %w", err)
	}
	events, err := m.monitor.Events(ctx)
	if err != nil {
		return err
	}
	go m.forward(events)
	if err := m.readForwards(ctx, ports); err != nil {
		return err
	}
	m.PoweredOn = time.Now()
	return m.execute(ctx, "cont", nil, nil)
}

// forward receives QEMU's events until it ends; an event that is not received would block
// the responses to commands. An event is dropped if the buffer is full.
func (m *Machine) forward(events <-chan qmp.Event) {
	defer close(m.events)
	for e := range events {
		if !slices.Contains(eventNames, e.Event) {
			continue
		}
		reason, _ := e.Data["reason"].(string)
		select {
		case m.events <- Event{Name: e.Event, Reason: reason, At: time.Now()}:
		default:
		}
	}
}

// PowerButton presses the power button. It does not wait for the guest.
func (m *Machine) PowerButton(ctx context.Context) error {
	return m.execute(ctx, "system_powerdown", nil, nil)
}

// execute runs a QMP command and decodes its return value into result, unless that is nil.
func (m *Machine) execute(ctx context.Context, command string, arguments, result any) error {
	request, err := json.Marshal(qmp.Command{Execute: command, Args: arguments})
	if err != nil {
		return err
	}
	type response struct {
		raw []byte
		err error
	}
	responses := make(chan response, 1)
	go func() { // Run has no deadline, but fails when QEMU ends
		raw, err := m.monitor.Run(request)
		responses <- response{raw, err}
	}()
	select {
	case <-ctx.Done():
		return fmt.Errorf("QMP %s: %w", command, ctx.Err())
	case r := <-responses:
		if r.err != nil {
			return fmt.Errorf("QMP %s: %w", command, r.err)
		}
		return decodeReturn(r.raw, result)
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

// connection is one entry of QEMU's "info usernet".
type connection struct {
	state     string // HOST_FORWARD, or the TCP state between QEMU and the guest
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

func (m *Machine) readForwards(ctx context.Context, ports []int) error {
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
			return fmt.Errorf("port %d is not forwarded by QEMU", p)
		}
	}
	return nil
}

// Established reports whether a connection that the guest has accepted on a port is open.
// A successful connection to Addr is no proof: QEMU accepts it before the guest does.
func (m *Machine) Established(ctx context.Context, port int) (bool, error) {
	connections, err := m.usernet(ctx)
	for _, c := range connections {
		if c.state == "ESTABLISHED" && c.guestPort == port {
			return true, nil
		}
	}
	return false, err
}
