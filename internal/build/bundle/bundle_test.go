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

// load returns the only service of a manifest.
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
	WorkingDir: "/srv", User: "nobody",
}

// TestGolden compares whole config.json files with what is in testdata; run with
// UPDATE=1 to write them anew, and read the difference.
func TestGolden(t *testing.T) {
	t.Parallel()
	for name, fields := range map[string]string{
		"defaults": "",
		"hardened": `readonly: true, capabilities: [CAP_SETUID, CAP_CHOWN], capabilities.add: [CAP_CHOWN, CAP_KILL], ambient: [CAP_NET_RAW],
			tmpfs: ["/run:size=1m", /tmp], binds: ["/etc/web.conf:/etc/web.conf:ro", "/var:/var"], noNewPrivileges: true, uid: first, gid: 33, additionalGids: [first, 4],
			rlimits: ["nofile,1024,unlimited"], oomScoreAdj: -500, hostname: web, uts: new, net: /run/netns/x, ipc: new, pid: host, userns: new,
			maskedPaths: [/proc/kcore], readonlyPaths: [/proc/sys], sysctl: {net.core.somaxconn: "1024"}, annotations: {a: b}`,
		"resources": `devices: [{path: /dev/fuse, type: c, major: 10, minor: 229, mode: "0666"}, {path: all, type: b, mode: "0660"}],
			resources: {memory: {limit: 1048576, disableOOMKiller: true, kernelTCP: 7}, cpu: {realtimeRuntime: 5, shares: 3}, hugepageLimits: [{pageSize: 2MB, limit: 3}], unified: {memory.high: "9"}},
			uidMappings: [{hostID: 1000, containerID: 0, size: 10}], cgroupsPath: /web, rootfsPropagation: shared, mounts: [{type: cgroup}, {destination: /dev}]`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			entry, ids := load(t, fields)
			made, err := Make(entry, plainImage, ids)
			if err != nil {
				t.Fatal(err)
			}
			got, err := made.ConfigJSON()
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
		t.Errorf("%s is no longer\n%s\nbut\n%s", path, want, got)
	}
}

func TestWhoseSettingCounts(t *testing.T) {
	t.Parallel()
	const label = `{"command":["label"],"env":["L=1"],"cwd":"/label","capabilities":["CAP_KILL"],"binds":["/l:/l"],"binds.add":["/ignored:/ignored"],"readonly":true,
		"runtime":{"mkdir":["/label"],"namespace":"label"}}`
	for name, tt := range map[string]struct {
		label, fields string
		check         func(manifest.Settings) bool
	}{
		"image": {check: func(s manifest.Settings) bool {
			return s.Command[0] == "/bin/web" && s.Env[0] == "PATH=/bin" && s.Cwd == "/srv"
		}},
		"label over image": {label: label, check: func(s manifest.Settings) bool {
			return s.Command[0] == "label" && s.Env[0] == "L=1" && s.Cwd == "/label"
		}},
		"manifest over label": {
			label: label, fields: "command: [m], cwd: /m",
			check: func(s manifest.Settings) bool { return s.Command[0] == "m" && s.Cwd == "/m" && s.Env[0] == "L=1" },
		},
		"empty list clears": {
			label: label, fields: "capabilities: [], env: []",
			check: func(s manifest.Settings) bool { return len(s.Capabilities) == 0 && len(s.Env) == 0 },
		},
		"false clears": {
			label: label, fields: "readonly: false",
			check: func(s manifest.Settings) bool { return !s.Readonly },
		},
		"add joins the label": {label: label, fields: "capabilities.add: [CAP_KILL, CAP_CHOWN], binds.add: ['/m:/m']", check: func(s manifest.Settings) bool {
			return len(s.Capabilities) == 2 && written(s.Binds) == "/l:/l /m:/m"
		}},
		"add beside the whole": {
			label: label, fields: "binds: ['/m:/m'], binds.add: ['/x:/x']",
			check: func(s manifest.Settings) bool { return written(s.Binds) == "/m:/m" },
		},
		"label's add means nothing": {
			label: label,
			check: func(s manifest.Settings) bool { return written(s.Binds) == "/l:/l" },
		},
		"runtime is joined by field": {
			label: label, fields: "runtime: {mkdir: [/m]}",
			check: func(s manifest.Settings) bool { return s.Runtime.Mkdir[0] == "/m" && s.Runtime.Namespace == "label" },
		},
		"empty text says nothing": {
			label: `{"net":"new","cwd":"/l"}`, fields: `net: "", cwd: ""`,
			check: func(s manifest.Settings) bool { return s.Net == "new" && s.Cwd == "/l" },
		},
		"empty text that clears": {
			label: `{"rootfsPropagation":"shared"}`, fields: `rootfsPropagation: ""`,
			check: func(s manifest.Settings) bool { return s.RootfsPropagation == "" },
		},
		"bindNS is joined by field": {
			label:  `{"runtime":{"bindNS":{"net":"/n","pid":"/p"}}}`,
			fields: `runtime: {bindNS: {pid: ""}}`,
			check:  func(s manifest.Settings) bool { return s.Runtime.BindNS.Net == "/n" && s.Runtime.BindNS.PID == "" },
		},
		"resources are not joined": {
			label: `{"resources":{"pids":{"limit":1}}}`, fields: `resources: {cpu: {shares: 2}}`,
			check: func(s manifest.Settings) bool { return s.Resources.OCI.Pids == nil },
		},
		"working folder is never none": {
			label: `{"cwd":""}`,
			check: func(s manifest.Settings) bool { return s.Cwd == "/" },
		},
	} {
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

func TestWhatCannotBeABundle(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		fields string
		image  v1.Config
		want   string
	}{
		"nothing to run": {want: "nothing to run"},
		"label's id": {
			image: v1.Config{Cmd: []string{"x"}, Labels: map[string]string{Label: `{"uid":"nobody"}`}},
			want:  `no entry is called "nobody"`,
		},
		"label's mount": {
			image: v1.Config{Cmd: []string{"x"}, Labels: map[string]string{Label: `{"mounts":[{"type":"ext4"}]}`}},
			want:  "has no destination",
		},
		"label with a name": {
			image: v1.Config{Labels: map[string]string{Label: `{"name":"x"}`}},
			want:  `unknown key "name"`,
		},
		"label that is a list": {image: v1.Config{Labels: map[string]string{Label: `[]`}}, want: "must be a mapping"},
		"label's capability": {
			image: v1.Config{Cmd: []string{"x"}, Labels: map[string]string{Label: `{"capabilities":["X"]}`}},
			want:  `there is no capability "X"`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			entry, ids := load(t, tt.fields)
			_, err := Make(entry, tt.image, ids)
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), `services[0] "web"`) {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
}

func TestRuntimeMountsTheRootFirst(t *testing.T) {
	t.Parallel()
	entry, ids := load(t,
		`runtime: {cgroups: [a], mounts: [{type: tmpfs, destination: /x}], interfaces: [{name: eth1, add: veth, peer: v0}], bindNS: {net: /run/netns/web}}`)
	made, err := Make(entry, plainImage, ids)
	if err != nil {
		t.Fatal(err)
	}
	made.Runtime.MountRoot("/containers/services/web", "/containers/services/other/lower", false)
	got, err := made.RuntimeJSON()
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "runtime.json", got)
	empty := makeRuntime(manifest.Runtime{})
	empty.MountRoot("/containers/services/web", "/containers/services/web/rootfs", true)
	got, err = (&Bundle{Runtime: empty}).RuntimeJSON()
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "runtime-readonly.json", got)
}

func written(binds []manifest.Bind) string {
	var words []string
	for _, b := range binds {
		words = append(words, b.String())
	}
	return strings.Join(words, " ")
}

// FuzzLabel: a label is a stranger's text.
func FuzzLabel(f *testing.F) {
	f.Add(`{"binds":["/a:/b"],"runtime":{"mkdir":["/x"]}}`)
	f.Add(`{"resources":{"blockio":{"weight":3}},"devices":[{"path":"all","type":"b"}]}`)
	f.Fuzz(func(t *testing.T, label string) {
		entry := manifest.Entry{Name: "a", Image: "b"}
		_, err := Make(entry, v1.Config{Cmd: []string{"x"}, Labels: map[string]string{Label: label}}, IDs{})
		if err != nil && !errors.Is(err, manifest.ErrInvalid) && !errors.Is(err, ErrUnknownID) {
			t.Errorf("no kind: %v", err)
		}
	})
}
