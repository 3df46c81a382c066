package bundle

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/org/linuxkit-action/internal/pid1/json"
	"github.com/org/linuxkit-action/internal/pid1/netlink"
)

// stock is the runtime.json that linuxkit build writes for a writable container, with every setting
// of a manifest.
const stock = `{
    "cgroups": ["podruntime"],
    "mounts": [
        {"destination": "/containers/services/web/tmp", "type": "tmpfs", "source": "tmpfs"},
        {"destination": "/containers/services/web/tmp", "options": ["remount", "private"]},
        {"destination": "/containers/services/web/rootfs", "type": "overlay", "source": "overlay",
         "options": ["lowerdir=/containers/services/web/lower", "upperdir=/containers/services/web/tmp/upper",
                     "workdir=/containers/services/web/tmp/work"]},
        {"destination": "data", "type": "bind", "source": "/var/data", "options": ["rbind", "ro", "nosuid", "rslave"]}
    ],
    "mkdir": ["/var/data", "inside"],
    "interfaces": [{"name": "wg0", "add": "wireguard", "createInRoot": true}, {"name": "eth0", "peer": "veth0"}],
    "bindNS": {"cgroup": "", "ipc": "", "mnt": "", "net": "/run/netns/wg", "pid": "", "user": "", "uts": ""},
    "namespace": ""
}`

func TestOpenStockRuntimeJSON(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "runtime.json"), []byte(stock), 0o644); err != nil {
		t.Fatal(err)
	}
	b, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	const web = "/containers/services/web"
	want := &Bundle{
		Dir: dir,
		Mounts: []Mount{
			{Type: "tmpfs", Source: "tmpfs", Target: web + "/tmp"},
			{Target: web + "/tmp", Flags: unix.MS_REMOUNT, Propagation: unix.MS_PRIVATE},
			{
				Type: "overlay", Source: "overlay", Target: web + "/rootfs",
				Data: []string{"lowerdir=" + web + "/lower", "upperdir=" + web + "/tmp/upper", "workdir=" + web + "/tmp/work"},
			},
			{
				Type: "bind", Source: "/var/data", Target: dir + "/rootfs/data",
				Flags:       unix.MS_BIND | unix.MS_REC | unix.MS_RDONLY | unix.MS_NOSUID,
				Propagation: unix.MS_SLAVE | unix.MS_REC,
			},
		},
		Mkdir: []string{"/var/data", dir + "/rootfs/inside"}, Cgroups: []string{"podruntime"},
		BindNS:     []BindNS{{"net", "/run/netns/wg"}},
		Interfaces: []netlink.Interface{{Name: "wg0", Add: "wireguard", CreateInRoot: true}, {Name: "eth0", Peer: "veth0"}},
	}
	if !reflect.DeepEqual(b, want) {
		t.Errorf("got  %+v\nwant %+v", b, want)
	}
	if dirs := b.Mounts[2].overlayDirs(); !reflect.DeepEqual(dirs, []string{web + "/tmp/upper", web + "/tmp/work"}) {
		t.Errorf("overlay directories: %q", dirs)
	}
}

func TestNewMountOptions(t *testing.T) {
	t.Parallel()
	for options, want := range map[string]Mount{
		"ro rw":               {},
		"nosuid nodev suid":   {Flags: unix.MS_NODEV},
		"defaults size=10m":   {Data: []string{"size=10m"}},
		"bind rprivate":       {Flags: unix.MS_BIND, Propagation: unix.MS_PRIVATE | unix.MS_REC},
		"noatime strictatime": {Flags: unix.MS_NOATIME | unix.MS_STRICTATIME},
		"made-up":             {Data: []string{"made-up"}},
	} {
		if got := NewMount("", "", "", strings.Fields(options)); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v", options, got)
		}
	}
}

func TestOpenWithoutRuntimeJSON(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b, err := Open(dir)
	if err != nil || !reflect.DeepEqual(b, &Bundle{Dir: dir}) || b.Attaches() || b.Prepare() != nil || b.Release() != nil {
		t.Errorf("%+v, %v", b, err)
	}
}

func TestAttachErrors(t *testing.T) {
	t.Parallel()
	b := &Bundle{
		BindNS:     []BindNS{{"net", filepath.Join(t.TempDir(), "ns/web")}},
		Interfaces: []netlink.Interface{{Name: "eth7"}},
	}
	if err := b.Attach(os.Getpid()); !errors.Is(err, netlink.ErrSameNamespace) || !strings.Contains(err.Error(), "eth7") {
		t.Errorf("process in the same network namespace: %v", err)
	}
	b.Interfaces, b.BindNS[0].Namespace = nil, "nonsense"
	if err := b.Attach(os.Getpid()); !b.Attaches() || !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "ns/web") {
		t.Errorf("unknown namespace: %v", err)
	}
}

func TestOpenMalformedRuntimeJSON(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "runtime.json"), []byte(`{"mounts": [`), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "runtime.json: invalid JSON at byte 12") {
		t.Errorf("error %v", err)
	}
}

func TestPrepareContinuesAfterFailure(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	block := filepath.Join(dir, "rootfs")
	if err := os.WriteFile(block, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	b := &Bundle{Dir: dir, Mkdir: []string{filepath.Join(block, "inside")}}
	if b.Prepare() == nil {
		t.Fatal("no error for a directory inside a file")
	}
	if err := os.Remove(block); err != nil {
		t.Fatal(err)
	}
	if err := b.Prepare(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(block, "inside")); err != nil {
		t.Error(err)
	}
}

func TestMakeCgroups(t *testing.T) {
	t.Parallel()
	v2, v1 := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(v2, "cgroup.controllers"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, controller := range []string{"cpu", "memory"} {
		if err := os.Mkdir(filepath.Join(v1, controller), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, root := range []string{v2, v1} {
		if err := makeCgroups(root, []string{"a/b"}); err != nil {
			t.Error(err)
		}
	}
	for _, dir := range []string{v2 + "/a/b", v1 + "/cpu/a/b", v1 + "/memory/a/b"} {
		if _, err := os.Stat(dir); err != nil {
			t.Error(err)
		}
	}
}

func TestList(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"001-b", "000-a", "010-c"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if names, err := List(dir); err != nil || !reflect.DeepEqual(names, []string{"000-a", "001-b", "010-c"}) {
		t.Errorf("%q, %v", names, err)
	}
	if names, err := List(dir + "/none"); err != nil || names != nil {
		t.Errorf("missing directory: %q, %v", names, err)
	}
}

func TestInside(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]bool{"/a/b": true, "/a/b/c": true, "/a/bc": false, "/a": false, "/a/b/../c": false} {
		if inside("/a/b", path) != want {
			t.Errorf("%s: not %v", path, want)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(stock))
	f.Fuzz(func(t *testing.T, text []byte) {
		if v, err := json.Parse(text); err == nil {
			b := &Bundle{Dir: "/b"}
			b.read(v)
		}
	})
}

func TestName(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]string{
		"000-dhcp": "dhcp", "012-a-b": "a-b", "dhcp": "dhcp", "a-b": "a-b", "1234-x": "x", "-x": "-x",
	} {
		if got := Name(id); got != want {
			t.Errorf("%s: %s, want %s", id, got, want)
		}
	}
}
