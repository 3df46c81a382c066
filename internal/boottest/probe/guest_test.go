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

// ready is a console that tells when the guest has said a word.
type ready struct {
	text bytes.Buffer
	word string
	said chan struct{}
}

func (r *ready) Write(p []byte) (int, error) {
	before := strings.Contains(r.text.String(), r.word)
	r.text.Write(p)
	if !before && strings.Contains(r.text.String(), r.word) {
		close(r.said)
	}
	return len(p), nil
}

func start(t *testing.T, script string) *machine.Machine {
	t.Helper()
	console := &ready{word: "ready to be asked", said: make(chan struct{})}
	m, err := machine.Start(t.Context(), machine.Options{
		Arch: "amd64", Accel: machine.TCG, Kernel: guest.Kernel(t), Initrd: guest.Initrd(t, script+"; echo ready to be asked; sleep 600"),
		Cmdline: guest.Cmdline, Memory: 256, CPUs: 1, Ports: []int{80, 81}, Console: console,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	select {
	case <-console.said:
	case <-m.Done():
		t.Fatal(m.Exit())
	}
	return m
}

func (r reach) tcp(t *testing.T, port int) error {
	return TCP(t.Context(), r.Addr(port), func(ctx context.Context) (bool, error) { return r.Established(ctx, port) })
}

type reach struct{ *machine.Machine }

// QEMU accepts connections to all forwarded ports; the guest has a server on one.
func TestAGuestWithAServer(t *testing.T) {
	t.Parallel()
	m := reach{start(t, "network; mkdir /www; echo hello >/www/index.html; httpd -h /www")}
	if err := m.tcp(t, 80); err != nil {
		t.Errorf("tcp 80: %v", err)
	}
	if err := m.tcp(t, 81); err == nil || !strings.Contains(err.Error(), "refuses") {
		t.Errorf("tcp 81: %v", err)
	}
	for body, want := range map[string]string{"^hello": "<nil>", "goodbye": "nothing in the body"} {
		expr := &spec.Regexp{Regexp: regexp.MustCompile(body)}
		err := HTTP(t.Context(), m.Addr(80), spec.HTTP{Port: 80, Path: "/", Status: 200, Body: expr})
		if !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("http %s: %v", body, err)
		}
	}
	if err := HTTP(t.Context(), m.Addr(81), spec.HTTP{Port: 81, Path: "/", Status: 200}); err == nil {
		t.Error("http 81 is answered")
	}
}

func TestAGuestWithoutANetwork(t *testing.T) {
	t.Parallel()
	m := reach{start(t, "true")}
	if err := m.tcp(t, 80); err == nil || !strings.Contains(err.Error(), "does not answer") {
		t.Errorf("tcp 80: %v", err)
	}
}
