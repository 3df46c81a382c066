package modules

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/org/linuxkit-action/fixtures/debian/command"
)

// release is a kernel that never was.
const release = "1.2.3"

// drivers are modules like those of Debian's kernels: their files, what they answer to, the
// symbols they have for others and those they need of them.
var drivers = []struct{ path, aliases, exports, needs string }{
	{"drivers/virtio/virtio.ko", "", "register_virtio_driver", ""},
	{"drivers/virtio/virtio_ring.ko", "", "vring_interrupt", "register_virtio_driver"},
	{"drivers/virtio/virtio-pci.ko", "pci:v00001AF4d*sv*sd*bc*sc*i*", "", "vring_interrupt register_virtio_driver"},
	{"drivers/net/virtio_net.ko", "virtio:d00000001v*", "", "register_virtio_driver"},
	{"drivers/ata/ahci.ko", "pci:v*d*sv*sd*bc01sc06i01* pci:v00001AF4d00001000sv*sd*bc*sc*i*", "", ""},
	{"drivers/usb/storage/uas.ko", "usb:v13FDp3940d0[0-2]*dc*dsc*dp*ic*isc*ip*in* usb:v*p*d*dc*dsc*dp*ic08isc06ip62in*", "", ""},
	{"drivers/usb/storage/usb-storage.ko", "usb:v13FDp3940d0[0-2]*dc*dsc*dp*ic*isc*ip*in* usb:v1645p0007d013[0-3]dc*dsc*dp*ic*isc*ip*in*", "", ""},
	{"drivers/mfd/panel.ko", "of:N*T*Craspberrypi,7inch-touchscreen-panel-regulator of:N*T*Craspberrypi,7inch-touchscreen-panel-regulatorC* of:N*T*Carm,panel", "", ""},
	{"drivers/input/joydev.ko", "input:b*v*p*e*-e*3,*k*m*l*s*f*w*", "", ""},
	{"drivers/platform/tablet.ko", "dmi*:svn*MICRO-STARINTERNATIONALCO.,LTD*:pn*MS-N051*:cvn*: dmi*:bvr*BLADE_21*:", "", ""},
	{"drivers/acpi/processor.ko", "acpi*:ACPI0007:* acpi*:LNXCPU:*", "", ""},
	{"arch/x86/crypto/twofish-x86_64.ko", "crypto-twofish-asm twofish-asm crypto-twofish twofish", "", ""},
	{"arch/x86/kvm/kvm-intel.ko", "cpu:type:x86,ven*fam*mod*:feature:*0085*", "", ""},
	{"drivers/acpi/wmi-any.ko", "* ?:x wmi:????-[A-F][!0-9]-*", "", ""},
}

// Both forms of the index that the real depmod writes say the same.
func TestWhatDepmodWrote(t *testing.T) {
	t.Parallel()
	byTree, byText := indexed(t)
	for _, m := range drivers {
		name := Name(m.path)
		files := byTree.files(name)
		if len(files) == 0 || files[0] != "kernel/"+m.path || !slices.Equal(files, byText.files(name)) {
			t.Errorf("%s: the tree has the files %q, the text %q", name, files, byText.files(name))
		}
		for _, pattern := range strings.Fields(m.aliases) {
			asked := instance(pattern)
			got, want := answers(byTree, asked), answers(byText, asked)
			if !slices.Contains(got, name) || !slices.Equal(got, want) {
				t.Errorf("%s, of %s: the tree answers %q, the text %q", asked, name, got, want)
			}
		}
	}
	if got, want := len(byTree.files("virtio_pci")), 3; got != want {
		t.Errorf("virtio_pci has %d files, want %d: itself and what it needs", got, want)
	}
	for module, want := range map[string]bool{"button": true, "serial_core": true, "virtio": false, "butto": false} {
		if byTree.isBuiltin(module) != want || byText.isBuiltin(module) != want {
			t.Errorf("%s is built in: %v by the tree, %v by the text, want %v", module, byTree.isBuiltin(module), byText.isBuiltin(module), want)
		}
	}
}

// answers returns each of the modules that answer to a name.
func answers(x *Index, name string) []string {
	found := x.resolve(name)
	slices.Sort(found)
	return slices.Compact(found)
}

// instance returns a name that a pattern means.
func instance(pattern string) string {
	var name strings.Builder
	for pattern != "" {
		c := pattern[0]
		pattern = pattern[1:]
		switch c {
		case '*':
		case '?':
			name.WriteByte('x')
		case '[':
			set, rest, _ := strings.Cut(pattern, "]")
			if set[0] == '!' {
				set = "x"
			}
			name.WriteByte(set[0])
			pattern = rest
		default:
			name.WriteByte(c)
		}
	}
	return name.String()
}

// indexed has depmod index the modules, and opens what it wrote: the trees, and the texts.
func indexed(t *testing.T) (byTree, byText *Index) {
	t.Helper()
	base := t.TempDir()
	dir := filepath.Join(base, "lib/modules", release)
	files := map[string]string{
		"modules.builtin": "kernel/drivers/acpi/button.ko\nkernel/drivers/tty/serial/serial-core.ko\n",
		"modules.order":   "",
	}
	for _, m := range drivers {
		files["kernel/"+m.path] = object(t, strings.Fields(m.aliases), strings.Fields(m.exports), strings.Fields(m.needs))
	}
	put(t, dir, files)
	if _, err := command.Output(t.Context(), "", "depmod", "-b", base, release); err != nil {
		t.Fatalf("%v (make need-demo installs kmod)", err)
	}
	byTree = opened(t, dir)
	for _, name := range []string{"modules.dep", "modules.alias", "modules.builtin"} {
		path := filepath.Join(dir, name+".bin")
		if data, err := os.ReadFile(path); err != nil || !tree(data).valid() {
			t.Fatalf("depmod's %s is no tree: %v", name, err)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	return byTree, opened(t, dir)
}

func opened(t *testing.T, dir string) *Index {
	t.Helper()
	x, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return x
}
