package containerd

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/org/linuxkit-action/internal/pid1/container"
	"github.com/org/linuxkit-action/internal/pid1/process"
)

// newShim returns a runtime whose runc is a script, and a function that calls RuncShim as
// containerd's shim does.
func newShim(t *testing.T, runc string) (*Runtime, func(args ...string) (string, int)) {
	t.Helper()
	dir := t.TempDir()
	script(t, dir+"/real", runc)
	r := &Runtime{Dir: dir + "/shim", Null: null(t)}
	if err := r.Install(dir + "/real"); err != nil {
		t.Fatal(err)
	}
	return r, func(args ...string) (string, int) {
		out := filepath.Join(dir, "output")
		f, err := os.Create(out)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		status, err := reaper.Run(t.Context(), process.Program{
			Path: r.shimPath(), Args: append([]string{r.shimPath()}, args...), Env: environ, Stdin: r.Null, Stdout: f, Stderr: f,
		})
		if err != nil {
			t.Fatal(err)
		}
		output, _ := os.ReadFile(out)
		return string(output), status.ExitStatus()
	}
}

func TestRuncShimExecutesOtherCalls(t *testing.T) {
	t.Parallel()
	_, call := newShim(t, `echo "$@"; exit 7`)
	for _, args := range []string{"--root /r state web", "--root /r create --bundle /b web", "start create", "--version"} {
		if output, code := call(strings.Fields(args)...); output != args+"\n" || code != 7 {
			t.Errorf("%s: %q, exit %d", args, output, code)
		}
	}
}

func TestRuncShimPassesDescriptors(t *testing.T) {
	t.Parallel()
	r, call := newShim(t, `echo "$@"; echo wrong >&2; echo ready >&3; [ ! -e /proc/self/fd/4 ] || echo too many; exit 0`)
	dir := t.TempDir()
	c := container.Container{ID: "web", Stdin: r.Null}
	for name, to := range map[string]func(*os.File){
		"out":   func(f *os.File) { c.Stdout = f },
		"err":   func(f *os.File) { c.Stderr = f },
		"ready": func(f *os.File) { c.Files = []*os.File{f} },
	} {
		f, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		to(f)
	}
	if err := os.MkdirAll(r.startDir("web"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := linkDescriptors(r.startDir("web"), c); err != nil {
		t.Fatal(err)
	}
	if output, code := call("--log", "/l", "create", "--bundle", "/b", "web"); output != "" || code != 0 {
		t.Errorf("%q, exit %d", output, code)
	}
	for name, want := range map[string]string{
		"out": "--log /l create --preserve-fds 1 --bundle /b web\n", "err": "wrong\n", "ready": "ready\n",
	} {
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v; want %q", name, got, err, want)
		}
	}
	output, code := call("--log", "/l", "create", "--bundle", "/b", "db")
	if code != 0 || !strings.Contains(output, "create --bundle /b db\n") {
		t.Errorf("other container: %q, exit %d", output, code)
	}
}

func TestRuncShimLogsAttachError(t *testing.T) {
	t.Parallel()
	r, call := newShim(t, `true`)
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	c := container.Container{ID: "web", Stdin: r.Null, Stdout: r.Null, Stderr: log, Attach: "/none"}
	if err := os.MkdirAll(r.startDir("web"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := linkDescriptors(r.startDir("web"), c); err != nil {
		t.Fatal(err)
	}
	if _, code := call("create", "--pid-file", "/none/pid", "web"); code != 1 {
		t.Errorf("exit %d", code)
	}
	if text, err := os.ReadFile(log.Name()); err != nil || string(text) != errNoPid.Error()+"\n" {
		t.Errorf("%q, %v", text, err)
	}
}

func TestRuncShimWithoutRunc(t *testing.T) {
	t.Parallel()
	r, call := newShim(t, "true")
	if err := os.Remove(filepath.Join(r.Dir, realName)); err != nil {
		t.Fatal(err)
	}
	if output, code := call("state", "web"); code != 1 || !strings.Contains(output, "no such file") {
		t.Errorf("%q, exit %d", output, code)
	}
	if _, err := exec.LookPath(filepath.Join(r.Dir, RuncName)); err != nil {
		t.Error(err)
	}
}
