package containerd

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// daemon runs a script in place of containerd.
func daemon(t *testing.T, text, settingsText string) (*Daemon, string, *warnings) {
	t.Helper()
	dir := t.TempDir()
	w := &warnings{}
	d := &Daemon{
		Instance: Instance{Daemon: dir + "/containerd", Socket: dir + "/socket", Settings: dir + "/settings"},
		Reaper:   reaper, Environ: environ, Null: null(t), Warn: w.add,
	}
	script(t, d.Instance.Daemon, "cd "+dir+"\n"+text)
	files := map[string]string{d.Instance.Settings: strings.ReplaceAll(settingsText, "DIR", dir), d.Instance.Socket: "stale"}
	for path, text := range files {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	d.Start()
	return d, dir, w
}

func TestDaemonOptionsAndOutputs(t *testing.T) {
	t.Parallel()
	d, dir, w := daemon(t, `echo "$@" >&2; [ -e socket ] && echo stale >&2; echo out; exec sleep 1000`,
		"cliopts = \"--log-level debug --arg 'a b'\"\nstderr = \"DIR/err.log\"\nstdout = \"DIR/out.log\"\n")
	eventually(t, dir+"/out.log", "out\n")
	eventually(t, dir+"/err.log", "--log-level debug --arg 'a b'\n")
	began := time.Now()
	d.Stop()
	if took := time.Since(began); took > termWait {
		t.Errorf("Stop took %v", took)
	}
	if got := w.all(); got != nil {
		t.Errorf("warnings %q", got)
	}
}

func TestDaemonRestartBackoff(t *testing.T) {
	t.Parallel()
	d, dir, w := daemon(t, `echo x >>count; [ $(wc -l <count) -ge 3 ] && exec sleep 1000; kill -9 $$`, "stderr = \"none\"\n")
	eventually(t, dir+"/count", "x\nx\nx\n")
	d.Stop()
	want := []string{
		d.Instance.Settings + `: line 1: stderr: "none" must be stdout, stderr or an absolute path; using the console`,
		"containerd: ended with signal SIGKILL; restarting in 200ms, its tasks keep running",
		"containerd: ended with signal SIGKILL; restarting in 400ms, its tasks keep running",
	}
	if got := w.all(); !reflect.DeepEqual(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestDaemonStopIsBounded(t *testing.T) {
	t.Parallel()
	stubborn, dir, _ := daemon(t, `trap "" TERM; echo x >on; while :; do sleep 0.1; done`, "")
	eventually(t, dir+"/on", "x\n")
	missing := &Daemon{
		Instance: Instance{Daemon: filepath.Join(dir, "none"), Socket: dir + "/s"},
		Reaper:   reaper, Null: null(t), Warn: func(string) {},
	}
	missing.Start()
	began := time.Now()
	missing.Stop()
	stubborn.Stop()
	if took := time.Since(began); took > termWait+killWait+wait/2 {
		t.Errorf("it took %v", took)
	}
	(*Daemon)(nil).Stop()
}
