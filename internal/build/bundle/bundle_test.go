package bundle

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/org/linuxkit-action/internal/manifest"
)

// load returns the only service of a manifest, with the ids.
func load(t *testing.T, fields string) (manifest.Entry, IDs) {
	t.Helper()
	text := "onboot: [{name: first, image: x}]\nservices:\n  - {name: web, image: nginx, " + fields + "}\n"
	m, err := manifest.Load(t.Context(), []string{"-"}, manifest.Options{Stdin: strings.NewReader(text)})
	if err != nil {
		t.Fatal(err)
	}
	return m.Services[0], Allocate(m)
}

var plainImage = v1.Config{
	Entrypoint: []string{"/bin/web"}, Cmd: []string{"serve"}, Env: []string{"PATH=/bin"},
	WorkingDir: "/srv", User: "www-data",
}

// TestConfigGolden compares config.json with testdata; UPDATE=1 rewrites testdata.
func TestConfigGolden(t *testing.T) {
	t.Parallel()
	for name, fields := range map[string]string{
		"defaults": "",
		"hardened": `readonly: true, capabilities: [CAP_SETUID, CAP_CHOWN], capabilities.add: [CAP_CHOWN, CAP_KILL], ambient: [CAP_NET_RAW],
			tmpfs: ["/run:size=1m", /tmp], binds: ["/etc/web.conf:/etc/web.conf:ro", "/var:/var"], noNewPrivileges: true,
			uid: first, gid: 33, additionalGids: [first, 4], rlimits: ["nofile,1024,unlimited"], oomScoreAdj: -500, hostname: web, uts: new,
			net: /run/netns/x, ipc: new, pid: host, userns: new,
			maskedPaths: [/proc/kcore], readonlyPaths: [/proc/sys], sysctl: {net.core.somaxconn: "1024"}, annotations: {a: b}`,
		"resources": `devices: [{path: /dev/fuse, type: c, major: 10, minor: 229, mode: "0666"}, {path: all, type: b, mode: "0660"}],
			resources: {memory: {limit: 1048576, disableOOMKiller: true, kernelTCP: 7}, cpu: {realtimeRuntime: 5, shares: 3},
				hugepageLimits: [{pageSize: 2MB, limit: 3}], unified: {memory.high: "9"}},
			uidMappings: [{hostID: 1000, containerID: 0, size: 10}], cgroupsPath: /web, rootfsPropagation: shared,
			mounts: [{type: cgroup}, {destination: /dev}]`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			entry, ids := load(t, fields)
			b, err := New(entry, plainImage, ids)
			if err != nil {
				t.Fatal(err)
			}
			got, err := b.ConfigJSON()
			if err != nil {
				t.Fatal(err)
			}
			golden(t, name+".json", got)
		})
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("%s: want\n%s\ngot\n%s", path, want, got)
	}
}

// fullLabel sets every kind of setting.
const fullLabel = `{"command":["label"],"env":["L=1"],"cwd":"/label","capabilities":["CAP_KILL"],
	"binds":["/l:/l"],"binds.add":["/ignored:/ignored"],"readonly":true,
	"runtime":{"mkdir":["/label"],"namespace":"label"}}`

// precedence maps a rule to a label, the fields of a manifest, and a check of the result.
var precedence = map[string]struct {
	label, fields string
	check         func(manifest.Settings) bool
}{
	"image": {check: func(s manifest.Settings) bool {
		return s.Command[0] == "/bin/web" && s.Env[0] == "PATH=/bin" && s.Cwd == "/srv"
	}},
	"label over image": {label: fullLabel, check: func(s manifest.Settings) bool {
		return s.Command[0] == "label" && s.Env[0] == "L=1" && s.Cwd == "/label"
	}},
	"manifest over label": {
		label: fullLabel, fields: "command: [m], cwd: /m",
		check: func(s manifest.Settings) bool { return s.Command[0] == "m" && s.Cwd == "/m" && s.Env[0] == "L=1" },
	},
	"empty list clears": {
		label: fullLabel, fields: "capabilities: [], env: []",
		check: func(s manifest.Settings) bool { return len(s.Capabilities) == 0 && len(s.Env) == 0 },
	},
	"false clears": {
		label: fullLabel, fields: "readonly: false",
		check: func(s manifest.Settings) bool { return !s.Readonly },
	},
	"add extends the label": {
		label: fullLabel, fields: "capabilities.add: [CAP_KILL, CAP_CHOWN], binds.add: ['/m:/m']",
		check: func(s manifest.Settings) bool {
			return len(s.Capabilities) == 2 && bindTexts(s.Binds) == "/l:/l /m:/m"
		},
	},
	"add with the full list": {
		label: fullLabel, fields: "binds: ['/m:/m'], binds.add: ['/x:/x']",
		check: func(s manifest.Settings) bool { return bindTexts(s.Binds) == "/m:/m" },
	},
	"add in a label is ignored": {
		label: fullLabel,
		check: func(s manifest.Settings) bool { return bindTexts(s.Binds) == "/l:/l" },
	},
	"runtime is merged by field": {
		label: fullLabel, fields: "runtime: {mkdir: [/m]}",
		check: func(s manifest.Settings) bool { return s.Runtime.Mkdir[0] == "/m" && s.Runtime.Namespace == "label" },
	},
	"empty text does not override": {
		label: `{"net":"new","cwd":"/l"}`, fields: `net: "", cwd: ""`,
		check: func(s manifest.Settings) bool { return s.Net == "new" && s.Cwd == "/l" },
	},
	"empty propagation clears": {
		label: `{"rootfsPropagation":"shared"}`, fields: `rootfsPropagation: ""`,
		check: func(s manifest.Settings) bool { return s.RootfsPropagation == "" },
	},
	"bindNS is merged by field": {
		label:  `{"runtime":{"bindNS":{"net":"/n","pid":"/p"}}}`,
		fields: `runtime: {bindNS: {pid: ""}}`,
		check:  func(s manifest.Settings) bool { return s.Runtime.BindNS.Net == "/n" && s.Runtime.BindNS.PID == "" },
	},
	"resources are not merged": {
		label: `{"resources":{"pids":{"limit":1}}}`, fields: `resources: {cpu: {shares: 2}}`,
		check: func(s manifest.Settings) bool { return s.Resources.OCI.Pids == nil },
	},
	"default working directory": {
		label: `{"cwd":""}`,
		check: func(s manifest.Settings) bool { return s.Cwd == "/" },
	},
}

func TestSettingPrecedence(t *testing.T) {
	t.Parallel()
	for name, tt := range precedence {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			entry, _ := load(t, tt.fields)
			image := plainImage
			if tt.label != "" {
				image.Labels = map[string]string{Label: tt.label}
			}
			defaults, err := readLabel(entry, image)
			if err != nil {
				t.Fatal(err)
			}
			if got := Effective(entry, defaults, image); !tt.check(got) {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestNewErrors(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		fields string
		image  v1.Config
		want   string
	}{
		"no command": {want: "no command in the manifest or the image"},
		"unknown id in the label": {
			image: v1.Config{Cmd: []string{"x"}, Labels: map[string]string{Label: `{"uid":"unknown"}`}},
			want:  `no entry is named "unknown"`,
		},
		"invalid mount in the label": {
			image: v1.Config{Cmd: []string{"x"}, Labels: map[string]string{Label: `{"mounts":[{"type":"ext4"}]}`}},
			want:  "has no destination",
		},
		"unknown key in the label": {
			image: v1.Config{Labels: map[string]string{Label: `{"name":"x"}`}},
			want:  `unknown key "name"`,
		},
		"label is a list": {image: v1.Config{Labels: map[string]string{Label: `[]`}}, want: "must be a mapping"},
		"unknown capability in the label": {
			image: v1.Config{Cmd: []string{"x"}, Labels: map[string]string{Label: `{"capabilities":["X"]}`}},
			want:  `unknown capability "X"`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			entry, ids := load(t, tt.fields)
			_, err := New(entry, tt.image, ids)
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), `services[0] "web"`) {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
}

func TestMountRootPrependsMounts(t *testing.T) {
	t.Parallel()
	entry, ids := load(t,
		`runtime: {cgroups: [a], mounts: [{type: tmpfs, destination: /x}],
			interfaces: [{name: eth1, add: veth, peer: v0}], bindNS: {net: /run/netns/web}}`)
	b, err := New(entry, plainImage, ids)
	if err != nil {
		t.Fatal(err)
	}
	b.Runtime.MountRoot("/containers/services/web", "/containers/services/other/lower", false)
	got, err := b.RuntimeJSON()
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "runtime.json", got)
	empty := newRuntime(manifest.Runtime{})
	empty.MountRoot("/containers/services/web", "/containers/services/web/rootfs", true)
	got, err = (&Bundle{Runtime: empty}).RuntimeJSON()
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "runtime-readonly.json", got)
}

func bindTexts(binds []manifest.Bind) string {
	var words []string
	for _, b := range binds {
		words = append(words, b.String())
	}
	return strings.Join(words, " ")
}

// Labels are untrusted.
func FuzzLabel(f *testing.F) {
	f.Add(`{"binds":["/a:/b"],"runtime":{"mkdir":["/x"]}}`)
	f.Add(`{"resources":{"blockio":{"weight":3}},"devices":[{"path":"all","type":"b"}]}`)
	f.Fuzz(func(t *testing.T, label string) {
		entry := manifest.Entry{Name: "a", Image: "b"}
		_, err := New(entry, v1.Config{Cmd: []string{"x"}, Labels: map[string]string{Label: label}}, IDs{})
		if err != nil && !errors.Is(err, manifest.ErrInvalid) && !errors.Is(err, ErrUnknownID) {
			t.Errorf("unexpected kind of error: %v", err)
		}
	})
}
