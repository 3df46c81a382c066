package pid1

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/org/linuxkit-action/internal/pid1/cmdline"
	"github.com/org/linuxkit-action/internal/pid1/console"
	"github.com/org/linuxkit-action/internal/pid1/record"
)

// forbidden are imports that would make PID 1 too large (sizes: stripped, amd64).
var forbidden = map[string]string{
	"fmt":              "0.3 MB, and reflection for every line printed",
	"log":              "imports fmt",
	"log/slog":         "imports fmt",
	"flag":             "imports fmt",
	"encoding/json":    "0.3 MB; use package json",
	"net":              "0.5 MB; use system calls",
	"net/http":         "3 MB",
	"text/template":    "1 MB",
	"regexp":           "0.2 MB",
	"gopkg.in/yaml.v3": "0.6 MB; package config has its own parser",
	"os/exec":          "its Wait and the reaper would reap each other's children",
	"net/netip":        "16 KB compressed; use package address",
	"runtime/debug":    "imports fmt",
	"os/user":          "imports cgo or fmt",
	"crypto/tls":       "2 MB",
}

func TestForbiddenImports(t *testing.T) {
	t.Parallel()
	for _, arch := range []string{"amd64", "arm64"} {
		cmd := exec.Command("go", "list", "-deps", "../../cmd/init")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOARCH="+arch)
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		deps := strings.Fields(string(out))
		if len(deps) < 20 {
			t.Fatalf("%s: only %d packages: %q", arch, len(deps), deps)
		}
		for _, dep := range deps {
			if why, bad := forbidden[dep]; bad {
				t.Errorf("%s: PID 1 imports %s: %s", arch, dep, why)
			}
			if first, _, _ := strings.Cut(dep, "/"); strings.Contains(first, ".") &&
				!strings.HasPrefix(dep, "golang.org/x/sys/") && !strings.HasPrefix(dep, "github.com/org/linuxkit-action/") {
				t.Errorf("%s: PID 1 imports %s: only the standard library and x/sys are allowed", arch, dep)
			}
		}
	}
}

func TestSize(t *testing.T) {
	t.Parallel()
	info, err := os.Stat(initBinary)
	if err != nil || info.Size() > 4<<20 {
		t.Errorf("%d bytes, %v; limit 4 MiB", info.Size(), err)
	}
}

// maxRSS is the promised memory of PID 1 with ten services, in KiB.
const maxRSS = 8 << 10

func TestMemoryWithTenServices(t *testing.T) {
	t.Parallel()
	im := newImage(t)
	for i := range 10 {
		im.bundle("services", "s"+strconv.Itoa(i), "stay", "0")
	}
	g := im.boot()
	g.until("milestone name=ready")
	status, err := os.ReadFile("/proc/" + strconv.Itoa(g.cmd.Process.Pid) + "/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	rss := number(t, strings.Fields(rest)[0])
	t.Logf("%d KiB", rss)
	if rss > maxRSS {
		t.Errorf("PID 1 uses %d KiB with ten services, want at most %d", rss, maxRSS)
	}
	g.powerOff()
}

// Every goroutine starts in package guard, and every package has a doc comment.
func TestSourceRules(t *testing.T) {
	t.Parallel()
	documented := map[string]bool{}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") || strings.Contains(path, "testdata") {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		dir := filepath.Dir(path)
		documented[dir] = documented[dir] || f.Doc != nil
		ast.Inspect(f, func(n ast.Node) bool {
			if _, isGo := n.(*ast.GoStmt); isGo && dir != "guard" {
				t.Errorf("%s: go statement without recovery of panics; use guard.Go", path)
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for dir, ok := range documented {
		if !ok {
			t.Errorf("package %s has no doc comment", dir)
		}
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	base := options{level: console.Info, config: configPath, unifiedCgroup: true}
	with := func(change func(*options)) options { o := base; change(&o); return o }
	for name, tt := range map[string]struct {
		line, args, env string
		want            options
	}{
		"empty": {want: base},
		"debug": {
			line: "debug", want: with(func(o *options) { o.level, o.levelSet = console.Debug, true }),
		},
		"init=": {
			line: "init=/bin/sh", want: with(func(o *options) { o.program = "/bin/sh" }),
		},
		"panic=": {line: "panic=30", want: with(func(o *options) { o.panicSet = true })},
		"sysctl.kernel.panic=": {
			line: "sysctl.kernel.panic=0", want: with(func(o *options) { o.panicSet = true }),
		},
		"cgroup v1": {
			line: "linuxkit.unified_cgroup_hierarchy=0",
			want: with(func(o *options) { o.unifiedCgroup = false }),
		},
		"cgroup v2": {line: "linuxkit.unified_cgroup_hierarchy=1", want: base},
		"init.config=": {
			line: "init.config=/a.yml", want: with(func(o *options) { o.config = "/a.yml" }),
		},
		"--config FILE": {
			line: "init.config=/a.yml", args: "--config /b.yml", want: with(func(o *options) { o.config = "/b.yml" }),
		},
		"--config=FILE": {
			args: "--config=/b.yml", want: with(func(o *options) { o.config = "/b.yml" }),
		},
		"--config without a file": {args: "--config", want: base},
		"INIT_LOG_LEVEL": {
			line: "debug", env: "warn", want: with(func(o *options) { o.level, o.levelSet = console.Warn, true }),
		},
		"--debug overrides INIT_LOG_LEVEL": {
			args: "--debug", env: "error", want: with(func(o *options) { o.level, o.levelSet = console.Debug, true }),
		},
		"unknown level": {env: "shout", want: base},
	} {
		if got := parseOptions(cmdline.Parse(tt.line), strings.Fields(tt.args), tt.env); got != tt.want {
			t.Errorf("%s: %+v, want %+v", name, got, tt.want)
		}
	}
}

func TestSplitState(t *testing.T) {
	t.Parallel()
	var onboot, services []string
	for i := range 60 {
		onboot = append(onboot, "an-onboot-container-"+strconv.Itoa(i)+":0")
		services = append(services, "sërvice "+strconv.Itoa(i)+":ready:0")
	}
	parts := split(onboot, services, partSize)
	var gotOnboot, gotServices []string
	for i, p := range parts {
		gotOnboot, gotServices = append(gotOnboot, p.onboot...), append(gotServices, p.services...)
		fields := append(p.fields("shutdown", i+1, len(parts)), record.Field{Key: record.KeyAt, Value: "123456789012"})
		r := record.Record{Seq: 1 << 40, Event: record.State, Fields: fields}
		back, ok := record.Find(r.Append(nil))
		if !ok || !reflect.DeepEqual(back, r) {
			t.Errorf("part %d was truncated: %s", i+1, r.Append(nil))
		}
	}
	if !reflect.DeepEqual(gotOnboot, onboot) || !reflect.DeepEqual(gotServices, services) {
		t.Error("items are lost")
	}
	if one := split(nil, []string{"web:ready:0"}, partSize); len(one) != 1 || len(one[0].fields("ready", 1, 1)) != 3 {
		t.Error("want one record without part= for a short list")
	}
}

func TestPowerKey(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		event inputEvent
		want  bool
	}{
		"pressed":       {inputEvent{kind: evKey, code: keyPower, value: 1}, true},
		"released":      {inputEvent{kind: evKey, code: keyPower, value: 0}, false},
		"repeated":      {inputEvent{kind: evKey, code: keyPower, value: 2}, false},
		"another key":   {inputEvent{kind: evKey, code: 30, value: 1}, false},
		"another event": {inputEvent{kind: 0, code: keyPower, value: 1}, false},
	} {
		if tt.event.isPower() != tt.want {
			t.Errorf("%s: not %v", name, tt.want)
		}
	}
}
