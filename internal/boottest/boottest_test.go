package boottest

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/org/linuxkit-action/fixtures/guest/busybox"
	"github.com/org/linuxkit-action/internal/boottest/judge"
	"github.com/org/linuxkit-action/internal/boottest/machine"
	"github.com/org/linuxkit-action/internal/boottest/report"
	"github.com/org/linuxkit-action/internal/boottest/spec"
	"github.com/org/linuxkit-action/internal/build/artifacts"
	"github.com/org/linuxkit-action/internal/pid1/record"
)

// image is a build whose PID 1 is a shell script.
type image struct {
	script   string
	records  []record.Record // of the script's function record
	onboot   []string
	services []string
	cmdline  string
}

// build writes the files of the build into a folder.
func (i image) build(t *testing.T) *artifacts.Set {
	t.Helper()
	dir := t.TempDir()
	set := &artifacts.Set{Version: artifacts.Version, Name: "box", Arch: "amd64", Init: builtin}
	cmdline := filepath.Join(t.TempDir(), "cmdline")
	writeFile(t, cmdline, []byte(cmp.Or(i.cmdline, busybox.Cmdline)))
	set.Files = []artifacts.File{
		addFile(t, dir, artifacts.KindKernel, busybox.Kernel(t)),
		addFile(t, dir, artifacts.KindInitrd, busybox.Initrd(t, i.script, i.records...)),
		addFile(t, dir, artifacts.KindCmdline, cmdline),
	}
	for _, n := range i.onboot {
		set.Components = append(set.Components, artifacts.Component{Role: "onboot", Name: n})
	}
	for _, n := range i.services {
		set.Components = append(set.Components, artifacts.Component{Role: "service", Name: n})
	}
	content, err := set.JSON()
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(dir, "box"+artifacts.Suffix), content)
	loaded, err := artifacts.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	return loaded
}

func writeFile(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
}

// addFile copies a file into the folder of the build.
func addFile(t *testing.T, dir, kind, path string) artifacts.File {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	name := "box-" + kind
	writeFile(t, filepath.Join(dir, name), content)
	sum := sha256.Sum256(content)
	return artifacts.File{
		Format: kernelInitrd, Kind: kind, Path: name,
		SHA256: hex.EncodeToString(sum[:]), Size: int64(len(content)),
	}
}

func rec(event string, pairs ...string) record.Record {
	r := record.Record{Event: event}
	for i := 0; i+1 < len(pairs); i += 2 {
		r.Fields = append(r.Fields, record.Field{Key: pairs[i], Value: pairs[i+1]})
	}
	return r
}

// goodRecords are the records of a good boot.
var goodRecords = []record.Record{
	rec(record.Start, "version", "1", "kernel", "6.1"),
	rec(record.Onboot, "name", "dhcpcd", "exit", "0", "ms", "40"),
	rec(record.Starting, "service", "web", "pid", "7"),
	rec(record.Ready, "service", "web", "ms", "12"),
	rec(record.Shutdown, "how", "poweroff", "cause", "button"),
	rec(record.Bye, "how", "poweroff", "ms", "3", "stopped", "1", "killed", "0"),
}

// failedRecords are the records of a boot whose onboot container fails.
var failedRecords = []record.Record{
	goodRecords[0],
	rec(record.Onboot, "name", "dhcpcd", "exit", "3", "ms", "40"),
	rec(record.Failed, "onboot", "dhcpcd", "reason", "exit 3", "tail", "no lease\n::error::injected\n"),
}

// Scripts that write the records of a good boot up to a service that is starting or ready,
// and those of the shutdown at the power button.
const (
	starting   = "record 1; record 2; record 3; "
	ready      = starting + "record 4; "
	goDown     = "record 5; record 6; "
	buttonDown = ready + "button; " + goDown
)

// boots are boots of an image with one onboot container and one service.
var boots = map[string]struct {
	image   image
	spec    string
	want    judge.Verdict
	culprit string
	reason  string
}{
	"machine killed once ready": {
		image: image{script: ready + "sleep 60"},
		spec:  "shutdown: kill", want: judge.Ready,
	},
	"power off at the power button": {
		image: image{script: buttonDown + "poweroff -f"},
		want:  judge.Ready, reason: "1 onboot and 1 service ready",
	},
	"reboot at the power button": {
		image: image{script: buttonDown + "reboot -f"},
		want:  judge.Failed, culprit: "shutdown", reason: "it rebooted",
	},
	"onboot fails": {
		image: image{script: starting + "sleep 60", records: failedRecords},
		want:  judge.Failed, culprit: "dhcpcd", reason: "exit 3",
	},
	"PID 1 ends": {
		image: image{script: "record 1; exit 3"},
		want:  judge.Panicked, reason: "PID 1 died",
	},
	"power off before ready": {
		image: image{script: starting + "poweroff -f"},
		want:  judge.Exited, reason: "it powered off",
	},
	"reboot before ready": {
		image: image{script: starting + "reboot -f"},
		want:  judge.Exited, reason: "it rebooted",
	},
	"forged record without checksum": {
		image: image{script: starting + "echo 'linuxkit-init: 4 ready service=web ms=12'; poweroff -f"},
		want:  judge.Exited, reason: "service web (started)",
	},
	"no console output": {
		image: image{script: "record 1; sleep 60", cmdline: "console=ttyS1"},
		spec:  "timeout: 1s", want: judge.Hung, reason: "no line on the console",
	},
	"shutdown without a request": {
		image: image{script: ready + "sleep 1; record 5; sleep 60"},
		spec:  "expect: [{stays: 60s}]",
		want:  judge.Exited, reason: "unexpected shutdown",
	},
}

func TestRunDecidesVerdict(t *testing.T) {
	t.Parallel()
	for name, tt := range boots {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if tt.image.records == nil {
				tt.image.records = goodRecords
			}
			tt.image.onboot, tt.image.services = []string{"dhcpcd"}, []string{"web"}
			var log bytes.Buffer
			dir := filepath.Join(t.TempDir(), "report")
			r, err := Run(t.Context(), tt.image.build(t), parse(t, tt.spec), Options{Accel: machine.TCG, ReportDir: dir, Log: &log})
			if r == nil {
				t.Fatal(err)
			}
			if r.Verdict != tt.want || !strings.Contains(r.Culprit, tt.culprit) || !strings.Contains(r.Reason, tt.reason) {
				t.Errorf("%s, culprit %q, reason %q: %v\n%s", r.Verdict, r.Culprit, r.Reason, err, log.String())
			}
			if (err != nil) != (tt.want != judge.Ready) || err != nil && !errors.Is(err, ErrFailed) {
				t.Errorf("verdict %s, error %v", r.Verdict, err)
			}
			checkReport(t, dir, r)
		})
	}
}

func TestRunMeetsExpectations(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ script, spec string }{
		"ports": {
			script: "network; mkdir /www; echo hello from the guest >/www/index.html; " + ready + "httpd -h /www; sleep 600",
			spec: `
shutdown: kill
expect:
  - {http: {port: 80, body: from the g.est}}
  - {tcp: {port: 80}}
  - {http: {port: 80, path: /missing, status: 404}}
`,
		},
		"console": {
			script: ready + "echo -n 'login: '; read name; echo -n 'Password: '; read word; echo \"$name has $word\"; sleep 600",
			spec: `
shutdown: kill
expect:
  - {console: "login: $", send: "root\n"}
  - {console: "word: $", send: "secret\n"}
  - {console: "^root has secret"}
`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			set := image{script: tt.script, records: goodRecords, onboot: []string{"dhcpcd"}, services: []string{"web"}}.build(t)
			if _, err := Run(t.Context(), set, parse(t, tt.spec), Options{Accel: machine.TCG, Log: &log}); err != nil {
				t.Errorf("%v\n%s", err, log.String())
			}
		})
	}
}

func parse(t *testing.T, text string) spec.Spec {
	t.Helper()
	s, err := spec.Parse("linuxkit.test.yml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// checkReport checks the files of a report.
func checkReport(t *testing.T, dir string, r *report.Report) {
	t.Helper()
	for _, name := range []string{"report.json", "report.html", "junit.xml", "summary.md", "console.log"} {
		if content, err := os.ReadFile(filepath.Join(dir, name)); err != nil || len(content) == 0 && name != "console.log" {
			t.Errorf("%s: %d bytes, %v", name, len(content), err)
		}
	}
	content, err := os.ReadFile(filepath.Join(dir, "report.json"))
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Verdict     judge.Verdict
		Accelerator string
		Stages      []judge.Stage
	}
	if err := json.Unmarshal(content, &got); err != nil {
		t.Fatal(err)
	}
	if got.Verdict != r.Verdict || got.Accelerator != "tcg" || len(got.Stages) != len(r.Stages) {
		t.Errorf("report.json has %+v", got)
	}
	if temporary, _ := filepath.Glob(filepath.Join(dir, ".*")); temporary != nil {
		t.Errorf("temporary files remain: %v", temporary)
	}
}

func TestRunEndsWithContext(t *testing.T) {
	t.Parallel()
	set := image{script: "sleep 600", records: goodRecords, services: []string{"web"}}.build(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if _, err := Run(ctx, set, spec.Default(), Options{Accel: machine.TCG}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}
