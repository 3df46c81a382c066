package containerd

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// daemon starts a script in containerd's place.
func daemon(t *testing.T, text, settings string) (*Daemon, string, *warnings) {
	t.Helper()
	dir := t.TempDir()
	w := &warnings{}
	d := &Daemon{
		Place:  Place{Daemon: dir + "/containerd", Socket: dir + "/socket", Settings: dir + "/settings"},
		Reaper: reaper, Environ: environ, Null: null(t), Warn: w.add,
	}
	script(t, d.Place.Daemon, "cd "+dir+"\n"+text)
	for path, text := range map[string]string{d.Place.Settings: strings.ReplaceAll(settings, "DIR", dir), d.Place.Socket: "stale"} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	d.Start()
	return d, dir, w
}

func TestTheDaemonGetsItsOptionsAndOutputs(t *testing.T) {
	t.Parallel()
	d, dir, w := daemon(t, `echo "$@" >&2; [ -e socket ] && echo stale >&2; echo out; exec sleep 1000`,
		"cliopts = \"--log-level debug --arg 'a b'\"\nstderr = \"DIR/err.log\"\nstdout = \"DIR/out.log\"\n")
	eventually(t, dir+"/out.log", "out\n")
	eventually(t, dir+"/err.log", "--log-level debug --arg 'a b'\n")
	began := time.Now()
	d.Stop()
	if took := time.Since(began); took > termWait {
		t.Errorf("to stop it took %v", took)
	}
	if got := w.all(); got != nil {
		t.Errorf("warnings %q", got)
	}
}

func TestADaemonThatDiesComesBackAfterLongerAndLongerPauses(t *testing.T) {
	t.Parallel()
	d, dir, w := daemon(t, `echo x >>count; [ $(wc -l <count) -ge 3 ] && exec sleep 1000; kill -9 $$`, "stderr = \"none\"\n")
	eventually(t, dir+"/count", "x\nx\nx\n")
	d.Stop()
	want := []string{
		d.Place.Settings + `: line 1: stderr: "none" is none of stdout, stderr and an absolute path; it goes to the console`,
		"containerd: ended with signal SIGKILL; it is started again in 200ms, and its tasks go on",
		"containerd: ended with signal SIGKILL; it is started again in 400ms, and its tasks go on",
	}
	if got := w.all(); !reflect.DeepEqual(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestADaemonThatCannotBeStartedOrStoppedHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	deaf, dir, _ := daemon(t, `trap "" TERM; echo x >on; while :; do sleep 0.1; done`, "")
	eventually(t, dir+"/on", "x\n")
	missing := &Daemon{Place: Place{Daemon: filepath.Join(dir, "none"), Socket: dir + "/s"}, Reaper: reaper, Null: null(t), Warn: func(string) {}}
	missing.Start()
	began := time.Now()
	missing.Stop()
	deaf.Stop()
	if took := time.Since(began); took > termWait+killWait+wait/2 {
		t.Errorf("it took %v", took)
	}
	(*Daemon)(nil).Stop()
}
