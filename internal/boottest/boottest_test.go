package boottest

import (
	"bytes"
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
	init     string // whose PID 1 it claims to have; "": builtin
	script   string
	records  []record.Record
	onboot   []string
	services []string
	cmdline  string
}

// build leaves in a folder what the assembling step would.
func (i image) build(t *testing.T) *artifacts.Set {
	t.Helper()
	dir := t.TempDir()
	if i.init == "" {
		i.init = builtin
	}
	if i.cmdline == "" {
		i.cmdline = busybox.Cmdline
	}
	set := &artifacts.Set{Version: artifacts.Version, Name: "box", Arch: "amd64", Init: i.init}
	cmdline := filepath.Join(dir, "cmdline")
	if err := os.WriteFile(cmdline, []byte(i.cmdline), 0o644); err != nil {
		t.Fatal(err)
	}
	for kind, path := range map[string]string{
		artifacts.KindKernel: busybox.Kernel(t), artifacts.KindInitrd: busybox.Initrd(t, i.script, i.records...), artifacts.KindCmdline: cmdline,
	} {
		set.Files = append(set.Files, adopt(t, dir, kind, path))
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
	if err := os.WriteFile(filepath.Join(dir, "box"+artifacts.Suffix), content, 0o644); err != nil {
		t.Fatal(err)
	}
	loaded, err := artifacts.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	return loaded
}

func adopt(t *testing.T, dir, kind, path string) artifacts.File {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	name := "box-" + kind
	if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(content)
	return artifacts.File{Format: KernelInitrd, Kind: kind, Path: name, SHA256: hex.EncodeToString(sum[:]), Size: int64(len(content))}
}

func rec(event string, pairs ...string) record.Record {
	r := record.Record{Event: event}
	for i := 0; i+1 < len(pairs); i += 2 {
		r.Fields = append(r.Fields, record.Field{Key: pairs[i], Value: pairs[i+1]})
	}
	return r
}

// good is what PID 1 writes when all goes well.
var good = []record.Record{
	rec(record.Start, "version", "1", "kernel", "6.1"),
	rec(record.Onboot, "name", "dhcpcd", "exit", "0", "ms", "40"),
	rec(record.Starting, "service", "web", "pid", "7"),
	rec(record.Ready, "service", "web", "ms", "12"),
	rec(record.Shutdown, "how", "poweroff", "cause", "button"),
	rec(record.Bye, "how", "poweroff", "ms", "3", "stopped", "1", "killed", "0"),
}

func TestRunBootsARealKernel(t *testing.T) {
	t.Parallel()
	down := []record.Record{good[0], rec(record.Onboot, "name", "dhcpcd", "exit", "3", "ms", "40"), rec(record.Failed, "onboot", "dhcpcd", "reason", "exit 3", "tail", "no lease\n::error::gotcha\n")}
	for name, tt := range map[string]struct {
		image    image
		spec     string
		want     judge.Verdict
		culprit  string
		reason   string
		failWith error
	}{
		"all is well": {
			image: image{script: "record 1; record 2; record 3; record 4; sleep 60"},
			spec:  "shutdown: kill", want: judge.Ready,
		},
		"an onboot fails, and the boot goes on": {
			image: image{script: "record 1; record 2; record 3; sleep 60", records: down},
			want:  judge.Failed, culprit: "dhcpcd", reason: "exit 3",
		},
		"the kernel panics as PID 1 ends": {
			image: image{script: "record 1; exit 3"},
			want:  judge.Panicked, reason: "PID 1 died",
		},
		"the guest powers off before the service is ready": {
			image: image{script: "record 1; record 2; record 3; poweroff -f"},
			want:  judge.Exited, reason: "it powered off",
		},
		"the guest reboots before the service is ready": {
			image: image{script: "record 1; record 2; record 3; reboot -f"},
			want:  judge.Exited, reason: "it rebooted",
		},
		"the guest says it is ready, without a checksum": {
			image: image{script: "record 1; record 2; record 3; echo 'linuxkit-init: 4 ready service=web ms=12'; poweroff -f"},
			want:  judge.Exited, reason: "service web (started)",
		},
		"the guest is silent": {
			image: image{script: "record 1; sleep 60", cmdline: "console=ttyS1"},
			spec:  "timeout: 1s", want: judge.Hung, reason: "not a line on the console",
		},
		"all is well, and it shuts down at the power button": {
			image: image{script: "record 1; record 2; record 3; record 4; button; record 5; record 6; poweroff -f"},
			want:  judge.Ready, reason: "1 onboot and 1 service ready",
		},
		"the guest reboots at the power button": {
			image: image{script: "record 1; record 2; record 3; record 4; button; record 5; record 6; reboot -f"},
			want:  judge.Failed, culprit: "shutdown", reason: "it rebooted",
		},
		"it shuts down before anybody asks": {
			image: image{script: "record 1; record 2; record 3; record 4; sleep 1; record 5; sleep 60"},
			spec:  "expect: [{stays: 60s}]",
			want:  judge.Exited, reason: "shuts down by itself",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if tt.image.records == nil {
				tt.image.records = good
			}
			tt.image.onboot, tt.image.services = []string{"dhcpcd"}, []string{"web"}
			var log bytes.Buffer
			dir := filepath.Join(t.TempDir(), "report")
			r, err := Run(t.Context(), tt.image.build(t), parse(t, tt.spec), Options{Accel: machine.TCG, ReportDir: dir, Log: &log})
			if r == nil {
				t.Fatal(err)
			}
			if r.Verdict != tt.want || !strings.Contains(r.Culprit, tt.culprit) || !strings.Contains(r.Reason, tt.reason) {
				t.Errorf("got %s, %q, %q: %v\n%s", r.Verdict, r.Culprit, r.Reason, err, log.String())
			}
			if (err != nil) != (tt.want != judge.Ready) || err != nil && !errors.Is(err, ErrFailed) {
				t.Errorf("verdict %s, error %v", r.Verdict, err)
			}
			checkReport(t, dir, r)
		})
	}
}

func TestRunSpeaksWithTheGuest(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ script, spec string }{
		"by its ports": {
			script: "network; mkdir /www; echo hello from the guest >/www/index.html; record 1; record 2; record 3; record 4; httpd -h /www; sleep 600",
			spec:   "shutdown: kill\nexpect: [{http: {port: 80, body: from the g.est}}, {tcp: {port: 80}}, {http: {port: 80, path: /nothing, status: 404}}]",
		},
		"on its console": {
			script: "record 1; record 2; record 3; record 4; echo -n 'login: '; read name; echo -n 'Password: '; read word; echo \"$name has $word\"; sleep 600",
			spec:   `{shutdown: kill, expect: [{console: "login: $", send: "root\n"}, {console: "word: $", send: "secret\n"}, {console: "^root has secret"}]}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			set := image{script: tt.script, records: good, onboot: []string{"dhcpcd"}, services: []string{"web"}}.build(t)
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

// checkReport reads back what Run wrote.
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
	var back struct {
		Verdict     judge.Verdict
		Accelerator string
		Stages      []judge.Stage
	}
	if err := json.Unmarshal(content, &back); err != nil {
		t.Fatal(err)
	}
	if back.Verdict != r.Verdict || back.Accelerator != "tcg" || len(back.Stages) != len(r.Stages) {
		t.Errorf("report.json says %+v", back)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*.partial")); left != nil {
		t.Errorf("left behind: %v", left)
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	t.Parallel()
	set := image{script: "sleep 600", records: good, services: []string{"web"}}.build(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if _, err := Run(ctx, set, spec.Default(), Options{Accel: machine.TCG}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}
