package suggest

import (
	"strings"
	"testing"
)

func TestNearest(t *testing.T) {
	t.Parallel()
	names := []string{"web", "redis", "dhcpcd", "containerd"}
	for word, want := range map[string]string{
		"wbe": "", "we": "web", "rediss": "redis", "dhcpd": "dhcpcd", "containrd": "containerd", "x": "", "": "", strings.Repeat("y", 4096): "",
	} {
		if got := Nearest(word, names); got != want {
			t.Errorf("%.20q: %q, want %q", word, got, want)
		}
	}
}
