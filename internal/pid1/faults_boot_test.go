package pid1

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/org/linuxkit-action/internal/pid1/record"
)

// graph returns thirty services in six rows of five: each comes after its neighbors in the row
// above, and requires the one directly above.
func graph() (names []string, after map[string][]string, text string) {
	const rows, columns = 6, 5
	name := func(row, column int) string { return fmt.Sprintf("s%d%d", row, column%columns) }
	after = map[string][]string{}
	text = "services:\n"
	for row := range rows {
		for column := range columns {
			s := name(row, column)
			names = append(names, s)
			if row == 0 {
				continue
			}
			after[s] = []string{name(row-1, column), name(row-1, column+1)}
			text += fmt.Sprintf("  - {name: %s, requires: [%s], after: [%s]}\n", s, after[s][0], after[s][1])
		}
	}
	return names, after, text
}

func TestOrderOfThirtyServices(t *testing.T) {
	t.Parallel()
	im := newImage(t)
	names, after, text := graph()
	for _, name := range names {
		im.bundle("services", name, "stay", "0")
	}
	im.config(text)
	g := im.boot()
	g.until("milestone name=ready")
	g.powerOff()
	for later, earlier := range after {
		for _, e := range earlier {
			if up := g.index("ready service=" + e); up < 0 || g.index("starting service="+later) < up {
				t.Errorf("%s was started before %s was ready", later, e)
			}
			if g.index("exited service="+e) < g.index("exited service="+later) {
				t.Errorf("%s was stopped before %s", e, later)
			}
		}
	}
	if n := g.count("exited service="); n != len(names) {
		t.Errorf("%d services ended, not %d", n, len(names))
	}
}

func TestCrashLoop(t *testing.T) {
	t.Parallel()
	im := newImage(t)
	im.bundle("services", "web", "fail", "4")
	im.bundle("services", "db", "stay", "0")
	im.file("etc/alert", "#!/bin/sh\necho alert $SERVICE >&2\n", 0o755)
	im.config(`
services:
  - name: web
    backoff: {initial: 100ms, max: 400ms}
    startLimit: {burst: 5, interval: 60s}
    onFailure: {exec: [/etc/alert]}
`)
	g := im.boot()
	for restarts, pause := range []int{100, 200, 400, 400} {
		ended := g.until("exited service=web code=4 restarts=" + strconv.Itoa(restarts))
		again := g.until("starting service=web")
		if took := number(t, again.Get("at")) - number(t, ended.Get("at")); took < pause {
			t.Errorf("restart %d after %d ms, want %d or more", restarts+1, took, pause)
		}
	}
	g.until("failed service=web reason=code 4; started 5 times within 1m0s tail=guest: about to fail")
	g.untilText("alert web")
	if row := g.row("db"); row[1] != "ready" {
		t.Errorf("other service: %q", row)
	}
	g.powerOff()
}

func number(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestRestartKillsAfterTimeout(t *testing.T) {
	t.Parallel()
	im := newImage(t)
	im.bundle("services", "web", "ignoreTERM", "")
	im.config("services: [{name: web, stop: {timeout: 500ms}}]\n")
	g := im.boot()
	g.until("milestone name=ready")
	g.checkCommand("web: ready\n", 0, "restart", "web")
	g.until("log level=warn msg=service web: not stopped by SIGTERM within 500ms; killed" +
		" service=web killed=" + record.KilledStopTimeout)
	g.until("exited service=web signal=SIGKILL restarts=0")
	g.until("ready service=web")
	g.powerOff()
}

// PID 1 gets ten thousand zombies at once while it starts and stops a service, whose exit code must
// not be lost.
func TestBurstOfOrphans(t *testing.T) {
	t.Parallel()
	im := newImage(t)
	im.bundle("services", "web", "stay", "7")
	im.copy(guestBinary, "orphans")
	g := im.boot()
	g.until("milestone name=ready")
	if out, code := g.run("/orphans", "orphans", "10000"); out != "10000\n" || code != 0 {
		t.Fatalf("exit %d, %s", code, out)
	}
	g.checkCommand("web: stopped, code 7\n", 0, "stop", "web")
	for end := time.Now().Add(wait); zombies(g) > 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d zombies are left", zombies(g))
		}
	}
	g.powerOff()
}

// zombies returns the number of zombies of the machine.
func zombies(g *guest) int {
	paths, _ := filepath.Glob(g.path("proc/[0-9]*/stat"))
	n := 0
	for _, path := range paths {
		if stat, err := os.ReadFile(path); err == nil && strings.Contains(string(stat), ") Z ") {
			n++
		}
	}
	return n
}

// Log lines are lost on a full disk, but nothing blocks.
func TestFullLogDiskDoesNotBlock(t *testing.T) {
	t.Parallel()
	im := newImage(t)
	im.bundle("services", "flood", "flood", "3000000")
	im.bundle("services", "web", "stay", "0")
	im.config(`
mounts: [{type: tmpfs, target: /var/log, options: [size=64k]}]
services:
  - {name: flood, ready: {log: "the flood is over"}, restart: never}
  - {name: web, requires: [flood]}
`)
	g := im.boot()
	g.until("log level=error msg=service flood: log: write /var/log/flood.out.log: no space left on device")
	g.until("ready service=flood")
	g.until("ready service=web")
	g.until("milestone name=ready")
	g.powerOff()
}
