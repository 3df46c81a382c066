package probe

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/org/linuxkit-action/fixtures/guest"
	"github.com/org/linuxkit-action/fixtures/guest/busybox"
	"github.com/org/linuxkit-action/internal/boottest/machine"
	"github.com/org/linuxkit-action/internal/boottest/spec"
)

// readyText is what the guest prints when its script has run.
const readyText = "guest is ready"

func startGuest(t *testing.T, script string) guestPorts {
	t.Helper()
	system := guest.System{Kernel: busybox.Kernel(t), Initrd: busybox.Initrd(t, script+"; echo "+readyText+"; sleep 600")}
	g, err := system.Boot(t.Context(), guest.Options{Memory: 256, Ports: []int{80, 81}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Close() })
	if _, err := g.Wait(time.Minute, readyText); err != nil {
		t.Fatal(err)
	}
	return guestPorts{g.Machine}
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
