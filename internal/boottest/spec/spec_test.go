package spec

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/org/linuxkit-action/internal/manifest/strict"
)

const fullSpec = `
timeout: 2m
memory: 512
cpus: 2
formats: [kernel+initrd]
expect:
  - {service: web, within: 20s}
  - {onboot: dhcpcd, exit: 3}
  - {console: "login:", send: "root\n"}
  - {http: {port: 80, path: /health, status: 204, body: "o.k"}}
  - {http: {port: 80}}
  - {tcp: {port: 22}}
  - {stays: 10s}
forbid: ["licen[cs]e expired"]
shutdown: kill
budget: {ready: 5s, image: 80MB}
disks: [{size: 1G}, {size: 1048576}]
`

func TestParse(t *testing.T) {
	t.Parallel()
	s, err := Parse("linuxkit.test.yml", []byte(fullSpec))
	if err != nil {
		t.Fatal(err)
	}
	if s.Timeout != 2*time.Minute || s.Memory != 512 || s.CPUs != 2 || s.Shutdown != Kill ||
		s.Budget.Ready != 5*time.Second || s.Budget.Image != 80_000_000 {
		t.Errorf("got %+v", s)
	}
	if s.Disks[0].Size != 1<<30 || s.Disks[1].Size != 1<<20 {
		t.Errorf("disks %+v", s.Disks)
	}
	var kinds []string
	for _, e := range s.Expect {
		kinds = append(kinds, e.Kind())
	}
	if want := []string{"service", "onboot", "console", "http", "http", "tcp", "stays"}; !reflect.DeepEqual(kinds, want) {
		t.Errorf("kinds %q", kinds)
	}
	if h := s.Expect[3].HTTP; h.Path != "/health" || h.Status != 204 || !h.Body.MatchString("o-k") || h.Body.MatchString("ok") {
		t.Errorf("http %+v", h)
	}
	if h := s.Expect[4].HTTP; h.Path != "/" || h.Status != 200 || h.Body != nil {
		t.Errorf("http defaults %+v", h)
	}
	if got := s.Ports(); !reflect.DeepEqual(got, []int{80, 22}) {
		t.Errorf("ports %v", got)
	}
	if e := s.Expect[2]; e.Send != "root\n" || !s.Forbidden()[0].MatchString("license expired") {
		t.Errorf("console %+v, forbid %v", e, s.Forbidden())
	}
}

func TestParseEmptyFileReturnsDefault(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "\n\n", "# only a comment\n   # and another\n"} {
		if s, err := Parse("f", []byte(text)); err != nil || !reflect.DeepEqual(s, Default()) {
			t.Errorf("%q: %+v, %v", text, s, err)
		}
	}
}

var mistakes = map[string]struct{ in, want string }{
	"misspelt key":                 {"timeuot: 90s", `f:1:1: unknown key "timeuot"; did you mean "timeout"?`},
	"unsupported key":              {"reboots: 1", `f:1:10: reboots: not supported yet; remove it`},
	"unsupported budget":           {"budget: {instructions: 9e9}", `f:1:24: budget: instructions: not supported yet`},
	"timeout without unit":         {"timeout: 90", `f:1:10: timeout: must be a duration with a unit`},
	"timeout of zero":              {"timeout: 0s", `f:1:1: timeout: must be more than 0s`},
	"memory above the limit":       {"memory: 99999999", "memory: must be from 32 to"},
	"no CPU":                       {"cpus: 0", "cpus: must be from 1"},
	"unknown shutdown":             {"shutdown: gracefully", `must be graceful or kill, not "gracefully"`},
	"expectation without kind":     {"expect: [{within: 3s}]", "needs exactly one of service, onboot, console, http, tcp, stays; has 0"},
	"expectation of two kinds":     {"expect: [{service: a, onboot: b}]", "; has 2"},
	"null expectation":             {"expect: [~]", "needs exactly one of"},
	"exit of a service":            {"expect: [{service: a, exit: 1}]", "exit: applies to onboot, not to service"},
	"send to a service":            {"expect: [{service: a, send: x}]", "send: applies to console"},
	"within of stays":              {"expect: [{stays: 1s, within: 3s}]", "http, tcp, not to stays"},
	"empty name":                   {`expect: [{service: ""}]`, "service: is empty"},
	"empty expression":             {`expect: [{console: ""}]`, "console: is empty"},
	"invalid expression":           {`expect: [{console: "a("}]`, "console: error parsing regexp: missing closing )"},
	"invalid forbidden expression": {`forbid: ["[z-a]"]`, "error parsing regexp"},
	"null forbidden expression":    {`forbid: [~]`, "forbid[0] is empty"},
	"http without port":            {"expect: [{http: {path: /}}]", "http: port is missing"},
	"null http":                    {"expect: [{http: ~}]", "needs exactly one of"},
	"port out of range":            {"expect: [{tcp: {port: 65536}}]", "port: must be from 1 to 65535, not 65536"},
	"status out of range":          {"expect: [{http: {port: 80, status: 99}}]", "status: must be from 100 to 599"},
	"path without leading slash":   {`expect: [{http: {port: 80, path: "@evil.example/"}}]`, "path: must begin with /"},
	"path with line break":         {`expect: [{http: {port: 80, path: "/ HTTP/1.1\r\nX: y"}}]`, "must begin with / and contain no blanks"},
	"disk of size zero":            {"disks: [{size: 0}]", "is not a size"},
	"null disk":                    {"disks: [~]", "disks[0] has no size"},
	"unknown unit":                 {"disks: [{size: 1 parsec}]", "is not a size; write it as"},
	"size overflow":                {"disks: [{size: 99999999T}]", "is not a size"},
	"too many disks":               {"disks: [" + strings.Repeat("{size: 1G},", 17) + "]", "lists 17 disks"},
	"invalid YAML":                 {"expect: [", "f:1:"},
	"file above the limit":         {strings.Repeat("#", maxBytes+1), "larger than 1 MiB"},
}

func TestParseReportsMistakesWithTheirLocation(t *testing.T) {
	t.Parallel()
	for name, tt := range mistakes {
		_, err := Parse("f", []byte(tt.in))
		if err == nil || !strings.Contains(err.Error(), tt.want) || !errors.Is(err, strict.ErrInvalid) {
			t.Errorf("%s: %v\nwant %s", name, err, tt.want)
		}
	}
}

func TestParseReportsAllMistakes(t *testing.T) {
	t.Parallel()
	_, err := Parse("f", []byte("memory: 1\ncpus: 0\nexpect:\n  - {tcp: {port: 0}}\n  - {service: a, exit: 1}\n"))
	if err == nil || strings.Count(err.Error(), "\n") != 3 || !strings.HasPrefix(err.Error(), "f:1:1: memory") {
		t.Errorf("got %v", err)
	}
}

func TestScaledMultipliesDeadlinesOnly(t *testing.T) {
	t.Parallel()
	s, err := Parse("f", []byte(fullSpec))
	if err != nil {
		t.Fatal(err)
	}
	scaled := s.Scaled(4)
	if scaled.Timeout != 8*time.Minute || scaled.Expect[0].Within != 80*time.Second ||
		scaled.Budget.Ready != 20*time.Second || scaled.Expect[6].Stays != 10*time.Second {
		t.Errorf("got %+v", scaled)
	}
	if s.Expect[0].Within != 20*time.Second {
		t.Error("Scaled changed the original")
	}
}

func TestLoad(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "linuxkit.test.yml")
	if err := os.WriteFile(path, []byte(fullSpec), 0o644); err != nil {
		t.Fatal(err)
	}
	if s, err := Load(path); err != nil || s.Memory != 512 {
		t.Errorf("%+v, %v", s, err)
	}
	if _, err := Load(path + ".missing"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func TestSizeString(t *testing.T) {
	t.Parallel()
	for size, want := range map[Size]string{900: "0.9 kB", 91_234_567: "91.2 MB", 3 << 30: "3.2 GB"} {
		if got := size.String(); got != want {
			t.Errorf("%d is %q, not %q", size, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(fullSpec))
	f.Add([]byte("expect: [{console: a, send: b}, ~]\nforbid: [x]\ndisks: [{size: 1.5GiB}]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := Parse("f", data)
		if err != nil {
			return
		}
		if s.Timeout <= 0 || s.Memory < 32 || s.CPUs < 1 {
			t.Errorf("%q: %+v", data, s)
		}
		for _, e := range s.Expect {
			if e.Kind() == "" || e.Kind() == "console" && e.Console.Regexp == nil {
				t.Errorf("%q: empty expectation: %+v", data, e)
			}
		}
		for _, expr := range s.Forbidden() {
			expr.MatchString("x")
		}
	})
}
