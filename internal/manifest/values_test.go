package manifest

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/org/linuxkit-action/internal/manifest/strict"
)

// read decodes one value of an entry.
func read[T any](t *testing.T, text string) T {
	t.Helper()
	var into struct {
		Value T `yaml:"v"`
	}
	if err := strict.Decode("test.yml", []byte("v: "+text), &into); err != nil {
		t.Fatal(err)
	}
	return into.Value
}

func TestBindDefaults(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]specs.Mount{
		"/a:/b":               {Source: "/a", Destination: "/b", Type: "bind", Options: []string{"rw", "rbind", "rshared"}},
		"/a:/b:ro":            {Source: "/a", Destination: "/b", Type: "bind", Options: []string{"ro", "rbind"}},
		"/a:/b:rshared,rbind": {Source: "/a", Destination: "/b", Type: "bind", Options: []string{"rshared", "rbind", "rbind"}},
	} {
		got := read[Bind](t, text)
		if !reflect.DeepEqual(got.Mount(), want) || got.String() != text {
			t.Errorf("%s: %+v, encoded as %s", text, got.Mount(), got)
		}
	}
}

func TestTmpfs(t *testing.T) {
	t.Parallel()
	for text, options := range map[string]string{"/run": "", "/run:size=1m,mode=755": "size=1m mode=755"} {
		got := read[Tmpfs](t, text)
		m := got.Mount()
		if m.Destination != "/run" || m.Type != "tmpfs" || strings.Join(m.Options, " ") != options || got.String() != text {
			t.Errorf("%s: %+v, encoded as %s", text, m, got)
		}
	}
}

func TestMountComplete(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		in   Mount
		want specs.Mount
	}{
		"type from source": {
			Mount{Source: "proc", Destination: "/p"},
			specs.Mount{Type: "proc", Source: "proc", Destination: "/p"},
		},
		"source from type": {
			Mount{Type: "tmpfs", Destination: "/t"},
			specs.Mount{Type: "tmpfs", Source: "tmpfs", Destination: "/t"},
		},
		"destination from type": {
			Mount{Type: "cgroup"},
			specs.Mount{Type: "cgroup", Source: "cgroup", Destination: "/sys/fs/cgroup"},
		},
		"type of /dev": {Mount{Destination: "/dev"}, specs.Mount{Type: "tmpfs", Source: "tmpfs", Destination: "/dev"}},
		"complete": {
			Mount{Type: "ext4", Source: "/dev/sda", Destination: "/d", Options: []string{"ro"}},
			specs.Mount{Type: "ext4", Source: "/dev/sda", Destination: "/d", Options: []string{"ro"}},
		},
		"with ids": {
			Mount{Type: "bind", Source: "/a", Destination: "/d", UIDMappings: []IDMapping{{HostID: 1, ContainerID: 2, Size: 3}}},
			specs.Mount{
				Type: "bind", Source: "/a", Destination: "/d",
				UIDMappings: []specs.LinuxIDMapping{{HostID: 1, ContainerID: 2, Size: 3}},
			},
		},
	} {
		if got := tt.in.Complete(); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestRlimits(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]specs.POSIXRlimit{
		"nofile,1,2": {Type: "RLIMIT_NOFILE", Soft: 1, Hard: 2},
		strings.Join([]string{"RLIMIT_CORE", "0", " Unlimited "}, ","): {Type: "RLIMIT_CORE", Hard: 1<<64 - 1},
	} {
		if got := read[Rlimit](t, "'"+text+"'"); got.OCI != want || got.String() != text {
			t.Errorf("%s: %+v", text, got)
		}
	}
}

func TestCapabilitiesExpand(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		in   Capabilities
		want int
	}{
		{Capabilities{"all"}, 41}, {Capabilities{"ALL"}, 41}, {Capabilities{"None"}, 0}, {nil, 0},
		{Capabilities{"CAP_CHOWN", "CAP_CHOWN"}, 1},
	} {
		if got := tt.in.Expand(); len(got) != tt.want {
			t.Errorf("%v: %v", tt.in, got)
		}
	}
	Capabilities{"all"}.Expand()[0] = "modified"
	if slices.Contains(AllCapabilities, "modified") {
		t.Error("Expand returned the table itself")
	}
}

func TestFileModesAndPaths(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		file File
		want uint32
		path string
	}{
		{file: File{Path: "/etc/motd"}, want: 0o600, path: "etc/motd"},
		{file: File{Path: "etc//conf.d/../x", Directory: true}, want: 0o700, path: "etc/x"},
		{file: File{Path: "../../bin/su", Mode: "4755"}, want: 0o4755, path: "bin/su"},
	} {
		if got := tt.file.Perm(); got != tt.want || tt.file.Clean() != tt.path {
			t.Errorf("%+v: %o, %s", tt.file, got, tt.file.Clean())
		}
	}
}

// LinuxKit accepts these keys and ignores them.
func TestResourcesThatLinuxKitIgnores(t *testing.T) {
	t.Parallel()
	r := read[Resources](t, `
  memory: {limit: 1, kernelTCP: 2, disableOOMKiller: true}
  cpu: {shares: 1, realtimeRuntime: 2, realtimePeriod: 3, burst: 4, idle: 1, cpus: "0-1"}
  blockio: {leafWeight: 5, weightDevice: [{major: 8, minor: 1, leafWeight: 6}], throttleReadBpsDevice: [{major: 8, rate: 7}]}
  hugepageLimits: [{pageSize: 2MB, limit: 8}]
  network: {classID: 9}
  pids: {limit: 10}
  unified: {memory.high: "11"}
`).OCI
	for name, got := range map[string]struct{ got, want any }{
		"kernelTCP":             {*r.Memory.KernelTCP, int64(2)},
		"disableOOMKiller":      {*r.Memory.DisableOOMKiller, true},
		"realtimeRuntime":       {*r.CPU.RealtimeRuntime, int64(2)},
		"realtimePeriod":        {*r.CPU.RealtimePeriod, uint64(3)},
		"burst":                 {*r.CPU.Burst, uint64(4)},
		"leafWeight":            {*r.BlockIO.LeafWeight, uint16(5)},
		"weightDevice":          {*r.BlockIO.WeightDevice[0].LeafWeight, uint16(6)},
		"major of weightDevice": {r.BlockIO.WeightDevice[0].Major, int64(8)},
		"throttle":              {r.BlockIO.ThrottleReadBpsDevice[0].Rate, uint64(7)},
		"hugepageLimits":        {r.HugepageLimits[0], specs.LinuxHugepageLimit{Pagesize: "2MB", Limit: 8}},
		"classID":               {*r.Network.ClassID, uint32(9)},
		"unified":               {r.Unified["memory.high"], "11"},
	} {
		if got.got != got.want {
			t.Errorf("%s: %v, want %v", name, got.got, got.want)
		}
	}
}

func TestIDMappingsThatLinuxKitIgnores(t *testing.T) {
	t.Parallel()
	m, err := load(t, "services: [{name: a, image: b, uidMappings: [{hostID: 1000, containerID: 0, size: 65536}]}]")
	if err != nil || m.Services[0].UIDMappings[0] != (IDMapping{HostID: 1000, ContainerID: 0, Size: 65536}) {
		t.Errorf("%+v, %v", m, err)
	}
}

func TestVolumeOfAnotherFile(t *testing.T) {
	t.Parallel()
	m, err := load(t, "volumes: [{name: data}]",
		"services: [{name: a, image: b, binds: ['data:/d'], mounts: [{type: bind, source: data, destination: /e}]}]")
	if err != nil {
		t.Fatal(err)
	}
	e := m.ResolveVolumes(m.Services[0])
	const merged = "/containers/volumes/data/merged"
	if e.Binds[0].Source != merged || e.Mounts[0].Source != merged || m.Services[0].Binds[0].Source != "data" {
		t.Errorf("%+v", e)
	}
}

func TestAllDevicesNeedsNoMode(t *testing.T) {
	t.Parallel()
	if _, err := load(t, "services: [{name: a, image: b, devices: [{path: all, type: b}, {path: all, type: a}]}]"); err != nil {
		t.Error(err)
	}
}

func TestTextThatStartsWithAtIsNoTemplate(t *testing.T) {
	t.Parallel()
	m, err := load(t, "kernel: {cmdline: '@x'}\nfiles: [{path: a, contents: '@reboot foo'}]")
	if err != nil || m.Kernel.Cmdline != "@x" || m.Files[0].Contents.Value != "@reboot foo" {
		t.Errorf("%+v, %v", m, err)
	}
}

func TestDocumentsOfOneFileAreMerged(t *testing.T) {
	t.Parallel()
	m, err := load(t, "kernel: {image: a, cmdline: x}\n---\nkernel: {cmdline: y}\nservices: [{name: s, image: i}]\n")
	if err != nil || m.Kernel.Image != "a" || m.Kernel.Cmdline != "y" || len(m.Services) != 1 {
		t.Errorf("%+v, %v", m, err)
	}
}

// Each of 21 different errors is reported, with its place.
func TestReportsEveryErrorOfAFile(t *testing.T) {
	t.Parallel()
	_, err := load(t, `
kernle: {}
kernel: {image: "a b", tarr: none}
init: ["@foo"]
onboot:
  - {name: "a/b", image: x}
  - {image: x}
  - {name: c}
services:
  - {name: s, image: x, capabilities: [CAP_NET_ADMN], binds: [nope], tmpfs: [relative], rlimits: ["nofile,1"]}
  - {name: s, image: x, net: hots, env: [FOO], readonly: maybe, uid: unknown, mounts: [{destination: /x}]}
files:
  - {path: a}
  - {path: b, contents: x, mode: 0644}
  - {path: c, contents: x, mode: "9"}
volumes: [{name: BAD}]
`)
	lines := strings.Split(fmt.Sprint(err), "\n")
	if len(lines) != 21 {
		t.Errorf("%d messages:\n%v", len(lines), err)
	}
	for i, line := range lines {
		if !placePrefix.MatchString(line) {
			t.Errorf("message %d has no place: %s", i, line)
		}
	}
}

var placePrefix = regexp.MustCompile(`^/.*a\.yml:\d+:\d+: .{10,}`)
