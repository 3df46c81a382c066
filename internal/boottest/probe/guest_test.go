package probe

import (
	"bytes"
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/org/linuxkit-action/fixtures/guest"
	"github.com/org/linuxkit-action/internal/boottest/machine"
	"github.com/org/linuxkit-action/internal/boottest/spec"
)

// readyText is what the guest prints when its script has run.
const readyText = "guest is ready"

// readyConsole closes ready when readyText has appeared.
type readyConsole struct {
	text  bytes.Buffer
	ready chan struct{}
}

func (c *readyConsole) Write(p []byte) (int, error) {
	before := strings.Contains(c.text.String(), readyText)
	c.text.Write(p)
	if !before && strings.Contains(c.text.String(), readyText) {
		close(c.ready)
	}
	return len(p), nil
}

func startGuest(t *testing.T, script string) guestPorts {
	t.Helper()
	console := &readyConsole{ready: make(chan struct{})}
	m, err := machine.Start(t.Context(), machine.Options{
		Arch: "amd64", Accel: machine.TCG,
		Kernel: guest.Kernel(t), Initrd: guest.Initrd(t, script+"; echo "+readyText+"; sleep 600"),
		Cmdline: guest.Cmdline, Memory: 256, CPUs: 1, Ports: []int{80, 81}, Console: console,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	select {
	case <-console.ready:
	case <-m.Done():
		t.Fatal(m.Exit())
	}
	return guestPorts{m}
}

type guestPorts struct{ *machine.Machine }

func (g guestPorts) tcp(t *testing.T, port int) error {
	t.Helper()
	return TCP(t.Context(), g.Addr(port), func(ctx context.Context) (bool, error) { return g.Established(ctx, port) })
}

// QEMU accepts connections to all forwarded ports; the guest has a server on one.
func TestProbesOfGuestWithServer(t *testing.T) {
	t.Parallel()
	m := startGuest(t, "network; mkdir /www; echo hello >/www/index.html; httpd -h /www")
	if err := m.tcp(t, 80); err != nil {
		t.Errorf("tcp 80: %v", err)
	}
	if err := m.tcp(t, 81); err == nil || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("tcp 81: %v", err)
	}
	for body, want := range map[string]string{"^hello": "<nil>", "goodbye": "does not match"} {
		expr := &spec.Regexp{Regexp: regexp.MustCompile(body)}
		err := HTTP(t.Context(), m.Addr(80), spec.HTTP{Port: 80, Path: "/", Status: 200, Body: expr})
		if !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("http %s: %v", body, err)
		}
	}
	if err := HTTP(t.Context(), m.Addr(81), spec.HTTP{Port: 81, Path: "/", Status: 200}); err == nil {
		t.Error("http 81: got a response")
	}
}

func TestProbeOfGuestWithoutNetwork(t *testing.T) {
	t.Parallel()
	m := startGuest(t, "true")
	if err := m.tcp(t, 80); err == nil || !strings.Contains(err.Error(), "no response") {
		t.Errorf("tcp 80: %v", err)
	}
}
