package containerd

import (
	"strings"
	"testing"
)

func TestIsShim(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]bool{
		"/usr/bin/containerd-shim-runc-v2 -namespace services.linuxkit -id web -address /run/containerd/containerd.sock": true,
		"/usr/bin/containerd-shim-runc-v2 -namespace other -id web -address /run/containerd/containerd.sock":             false,
		"/usr/bin/containerd-shim-runc-v2 -namespace services.linuxkit -id webdb":                                        false,
		"/usr/bin/containerd-shim-runc-v2 -namespace services.linuxkit -id":                                              false,
		"/usr/bin/grep -namespace services.linuxkit -id web":                                                             false,
	} {
		if got := isShim(strings.Fields(line), "services.linuxkit", "web"); got != want {
			t.Errorf("%s: %v", line, got)
		}
	}
	if isShim([]string{""}, "services.linuxkit", "web") {
		t.Error("reported a kernel thread, which has no arguments")
	}
}
