package pid1

import (
	"os"
	"testing"
)

// A file of variables is read at each start, and a start without it is an error with its path.
func TestEnvironmentFromFile(t *testing.T) {
	t.Parallel()
	im := newImage(t)
	im.bundle("services", "web", "env", "T_")
	im.bundle("services", "bad", "env", "T_")
	im.file("etc/web.env", "# of the site\n\nT_ZONE=CET\n  T_LEVEL=low\nT_A=b=c d\n", 0o644)
	im.config(`
env: {T_ZONE: UTC}
services:
  - {name: web, envFile: /etc/web.env, env: {T_LEVEL: high}}
  - {name: bad, envFile: /etc/none.env, restart: never}
`)
	g := im.boot()
	g.until("failed service=bad reason=error open /etc/none.env: no such file or directory")
	if g.count("exited service=web code=0") == 0 {
		g.until("exited service=web code=0")
	}
	text, err := os.ReadFile(g.path("var/log/web.out.log"))
	if want := "T_ZONE=CET\nT_A=b=c d\nT_LEVEL=high\n"; err != nil || string(text) != want {
		t.Errorf("%q, %v, want %q", text, err, want)
	}
	g.powerOff()
}
