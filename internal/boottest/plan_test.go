package boottest

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/org/linuxkit-action/internal/boottest/judge"
	"github.com/org/linuxkit-action/internal/boottest/machine"
	"github.com/org/linuxkit-action/internal/build/artifacts"
)

// kernelInitrd is the format of the fixtures.
const kernelInitrd = "kernel+initrd"

func set(init string, formats ...string) *artifacts.Set {
	s := &artifacts.Set{Version: 1, Name: "box", Arch: "amd64", Init: init}
	for _, f := range formats {
		s.Files = append(s.Files, artifacts.File{Format: f, Kind: "x", Path: "x"})
	}
	s.Components = []artifacts.Component{{Role: "onboot", Name: "dhcpcd"}, {Role: "service", Name: "web"}}
	return s
}

func TestPlanRejectsUnprovableSpec(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		set  *artifacts.Set
		spec string
		want string
	}{
		"format not bootable": {
			set:  set(builtin, kernelInitrd, "tar"),
			spec: "formats: [tar]",
			want: `linuxkit.test.yml:1:1: formats: "tar" cannot be boot-tested; supported: kernel+initrd`,
		},
		"format not built": {
			set:  set(builtin, "tar"),
			spec: "formats: [kernel+initrd]",
			want: "kernel+initrd was not built; the build has tar",
		},
		"nothing to boot": {set: set(builtin, "tar"), want: "nothing to boot"},
		"misspelt service": {
			set:  set(builtin, kernelInitrd),
			spec: "expect: [{service: weeb}]",
			want: `the image has no service "weeb"; did you mean "web"?`,
		},
		"unknown onboot": {
			set:  set(builtin, kernelInitrd),
			spec: "expect: [{onboot: format}]",
			want: `the image has no onboot "format"; it has dhcpcd`,
		},
		"service of another init": {
			set:  set("linuxkit/init:x", kernelInitrd),
			spec: "expect: [{service: web}]",
			want: "does not report it",
		},
		"all mistakes, sorted": {
			set:  set(builtin, kernelInitrd),
			spec: "formats: [tar]\nexpect: [{service: x}, {onboot: y}]",
			want: "linuxkit.test.yml:2:25",
		},
	} {
		_, _, err := plan(tt.set, parse(t, tt.spec))
		if !errors.Is(err, ErrSpec) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPlanNotesFormatsThatAreNotBooted(t *testing.T) {
	t.Parallel()
	formats, notes, err := plan(set(builtin, kernelInitrd, "tar"), parse(t, ""))
	if err != nil || len(formats) != 1 || len(notes) != 1 || !strings.Contains(notes[0], "tar is not booted") {
		t.Errorf("%v, %v, %v", formats, notes, err)
	}
}

func TestRunVerifiesFilesOfBuild(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(path string) error{
		"changed initrd": func(path string) error { return os.WriteFile(path, []byte("other bytes"), 0o644) },
		"missing initrd": os.Remove,
	} {
		built := image{records: goodRecords}.build(t)
		initrd, _ := built.Find(kernelInitrd, artifacts.KindInitrd)
		if err := damage(built.Abs(initrd)); err != nil {
			t.Fatal(err)
		}
		_, err := Run(t.Context(), built, parse(t, ""), Options{Accel: machine.TCG})
		if !errors.Is(err, ErrBuild) || !strings.Contains(err.Error(), "build again") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRunEnforcesImageBudget(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r, err := Run(t.Context(), image{records: goodRecords}.build(t), parse(t, "budget: {image: 1MB}"), Options{ReportDir: dir})
	if !errors.Is(err, ErrFailed) || r.Verdict != judge.Failed || !strings.Contains(r.Reason, "the budget is 1.0 MB") {
		t.Errorf("%v, %+v", err, r)
	}
	if _, err := os.Stat(dir + "/report.json"); err != nil {
		t.Error(err)
	}
}

func TestRunWithoutQEMU(t *testing.T) {
	built := image{records: goodRecords}.build(t)
	t.Setenv("PATH", t.TempDir())
	_, err := Run(t.Context(), built, parse(t, ""), Options{})
	if !errors.Is(err, ErrMachine) || !strings.Contains(err.Error(), "apt-get install qemu-system-x86") {
		t.Errorf("got %v", err)
	}
}
