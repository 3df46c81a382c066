package operator

import (
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/org/linuxkit-action/internal/pid1/snapshot"
)

const ms = time.Millisecond

var update = flag.Bool("update", false, "write the golden files")

// golden compares got with a golden file, or writes it with -update.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := "testdata/golden/" + name + ".txt"
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil || got != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s%v", path, got, want, err)
	}
}

func TestStatusOutput(t *testing.T) {
	t.Parallel()
	m := snapshot.Machine{
		Phase: "ready", Version: "VERSION", Kernel: "KERNEL", Now: time.Hour, Origin: 2 * time.Second,
		Onboot: []snapshot.Onboot{
			{Name: "sysctl", Result: "0"}, {Name: "dhcpcd", Result: "SIGKILL"}, {Name: "mount\x1b[2J", Result: "error"},
			{Name: "metadata", Result: "running"},
		},
		Services: []snapshot.Service{
			{
				Name: "web", State: "ready", Pid: 412, Since: time.Hour - 90*time.Second - 400*ms, Memory: 12 << 20, Limit: 64 << 20,
				OOMKills: 2, NeededBy: []string{"app"},
			},
			{Name: "containerd", State: "exited", Restarts: 12, Since: time.Hour - 5*time.Second, Last: "signal SIGSEGV",
				Why: "starts again in 400ms"},
			{Name: "db", State: "failed", Restarts: 4, Since: time.Minute, Last: "error no such file:\n/run/db",
				Why:      "code 1; started 5 times within 1m0s",
				NeededBy: []string{"web", "app"}},
			{Name: "größe", State: "waiting", Since: 50 * time.Minute, Why: "waits for db, which is failed"},
		},
	}
	golden(t, "status", status(m))
	golden(t, "status-early", status(snapshot.Machine{Phase: "early", Version: "VERSION", Kernel: "KERNEL", Now: 300 * ms}))
}

func TestBlameOutput(t *testing.T) {
	t.Parallel()
	b := snapshot.Boot{
		Total: 3412 * ms, Complete: true,
		Spans: []snapshot.Span{
			{Name: "kernel", Took: 2100 * ms}, {Name: "onboot/dhcp", Took: 800 * ms},
			{Name: "service/\x1bweb", Took: 500 * ms}, {Name: "early", Took: 12 * ms},
		},
		Parallel: []snapshot.Span{{Name: "service/b", Took: 300 * ms}, {Name: "service/a", Took: 20 * ms}},
	}
	golden(t, "blame", blame(b))
	b.Complete, b.Parallel = false, nil
	golden(t, "blame-so-far", blame(b))
}

func TestHelpOutput(t *testing.T) {
	t.Parallel()
	golden(t, "help", usage)
	for line := range strings.Lines(usage) {
		command, isCommandLine := strings.CutPrefix(line, "  "+toolName+" ")
		if verb, _, _ := strings.Cut(command, " "); isCommandLine && !isCommand(verb) {
			t.Errorf("the help lists %s, which is not a command", verb)
		}
	}
}
