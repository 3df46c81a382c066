package manifest

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

func TestParseBindHasLinuxKitsDefaults(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]specs.Mount{
		"/a:/b":               {Source: "/a", Destination: "/b", Type: "bind", Options: []string{"rw", "rbind", "rshared"}},
		"/a:/b:ro":            {Source: "/a", Destination: "/b", Type: "bind", Options: []string{"ro", "rbind"}},
		"/a:/b:rshared,rbind": {Source: "/a", Destination: "/b", Type: "bind", Options: []string{"rshared", "rbind", "rbind"}},
	} {
		if got, err := ParseBind(text); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
}

func TestParseTmpfs(t *testing.T) {
	t.Parallel()
	for text, options := range map[string]string{"/run": "", "/run:size=1m,mode=755": "size=1m mode=755"} {
		got, err := ParseTmpfs(text)
		if err != nil || got.Destination != "/run" || got.Type != "tmpfs" || strings.Join(got.Options, " ") != options {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
}

func TestMountsAreCompleted(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		in   Mount
		want specs.Mount
	}{
		"type from source":      {Mount{Source: "proc", Destination: "/p"}, specs.Mount{Type: "proc", Source: "proc", Destination: "/p"}},
		"source from type":      {Mount{Type: "tmpfs", Destination: "/t"}, specs.Mount{Type: "tmpfs", Source: "tmpfs", Destination: "/t"}},
		"destination from type": {Mount{Type: "cgroup"}, specs.Mount{Type: "cgroup", Source: "cgroup", Destination: "/sys/fs/cgroup"}},
		"type of /dev":          {Mount{Destination: "/dev"}, specs.Mount{Type: "tmpfs", Source: "tmpfs", Destination: "/dev"}},
		"as it is":              {Mount{Type: "ext4", Source: "/dev/sda", Destination: "/d", Options: []string{"ro"}}, specs.Mount{Type: "ext4", Source: "/dev/sda", Destination: "/d", Options: []string{"ro"}}},
	} {
		if got, err := tt.in.Complete(); err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func TestParseRlimit(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]specs.POSIXRlimit{
		"nofile,1,2":                {Type: "RLIMIT_NOFILE", Soft: 1, Hard: 2},
		"RLIMIT_CORE,0, unlimited ": {Type: "RLIMIT_CORE", Hard: 1<<64 - 1},
	} {
		if got, err := ParseRlimit(text); err != nil || got != want {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
}

func TestExpandCapabilities(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		in   []string
		want int
	}{{[]string{"all"}, 41}, {[]string{"ALL"}, 41}, {[]string{"None"}, 0}, {nil, 0}, {[]string{"CAP_CHOWN"}, 1}} {
		if got, err := ExpandCapabilities(tt.in); err != nil || len(got) != tt.want {
			t.Errorf("%v: %v, %v", tt.in, got, err)
		}
	}
	all, _ := ExpandCapabilities([]string{"all"})
	all[0] = "spoilt"
	if slices.Contains(Capabilities, "spoilt") {
		t.Error("the table itself was handed out")
	}
}

func TestFilesHaveTheirModes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		file File
		want uint32
		path string
	}{
		{File{Path: "/etc/motd"}, 0o600, "etc/motd"},
		{File{Path: "etc//conf.d/../x", Directory: true}, 0o700, "etc/x"},
		{File{Path: "../../bin/su", Mode: "4755"}, 0o4755, "bin/su"},
	} {
		if got, err := tt.file.Perm(); err != nil || got != tt.want || tt.file.Clean() != tt.path {
			t.Errorf("%+v: %o, %s, %v", tt.file, got, tt.file.Clean(), err)
		}
	}
}
