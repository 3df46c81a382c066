package modules

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/org/linuxkit-action/fixtures/debian/command"
)

// release is a kernel release that does not exist.
const release = "1.2.3"

// drivers are modules like those of Debian's kernels: path, aliases, and the symbols that
// they export and need.
var drivers = []struct{ path, aliases, exports, needs string }{
	{path: "drivers/virtio/virtio.ko", exports: "register_virtio_driver"},
	{path: "drivers/virtio/virtio_ring.ko", exports: "vring_interrupt", needs: "register_virtio_driver"},
	{
		path:    "drivers/virtio/virtio-pci.ko",
		aliases: "pci:v00001AF4d*sv*sd*bc*sc*i*",
		needs:   "vring_interrupt register_virtio_driver",
	},
	{path: "drivers/net/virtio_net.ko", aliases: "virtio:d00000001v*", needs: "register_virtio_driver"},
	{
		path:    "drivers/ata/ahci.ko",
		aliases: "pci:v*d*sv*sd*bc01sc06i01* pci:v00001AF4d00001000sv*sd*bc*sc*i*",
	},
	{
		path:    "drivers/usb/storage/uas.ko",
		aliases: "usb:v13FDp3940d0[0-2]*dc*dsc*dp*ic*isc*ip*in* usb:v*p*d*dc*dsc*dp*ic08isc06ip62in*",
	},
	{
		path:    "drivers/usb/storage/usb-storage.ko",
		aliases: "usb:v13FDp3940d0[0-2]*dc*dsc*dp*ic*isc*ip*in* usb:v1645p0007d013[0-3]dc*dsc*dp*ic*isc*ip*in*",
	},
	{
		path: "drivers/mfd/panel.ko",
		aliases: "of:N*T*Craspberrypi,7inch-touchscreen-panel-regulator " +
			"of:N*T*Craspberrypi,7inch-touchscreen-panel-regulatorC* of:N*T*Carm,panel",
	},
	{path: "drivers/input/joydev.ko", aliases: "input:b*v*p*e*-e*3,*k*m*l*s*f*w*"},
	{
		path:    "drivers/platform/tablet.ko",
		aliases: "dmi*:svn*MICRO-STARINTERNATIONALCO.,LTD*:pn*MS-N051*:cvn*: dmi*:bvr*BLADE_21*:",
	},
	{path: "drivers/acpi/processor.ko", aliases: "acpi*:ACPI0007:* acpi*:LNXCPU:*"},
	{
		path:    "arch/x86/crypto/twofish-x86_64.ko",
		aliases: "crypto-twofish-asm twofish-asm crypto-twofish twofish",
	},
	{path: "arch/x86/kvm/kvm-intel.ko", aliases: "cpu:type:x86,ven*fam*mod*:feature:*0085*"},
	{path: "drivers/acpi/wmi-any.ko", aliases: "* ?:x wmi:????-[A-F][!0-9]-*"},
}

// The trees and the texts that the real depmod writes have the same content.
func TestReadsIndexOfDepmod(t *testing.T) {
	t.Parallel()
	byTree, byText := runDepmod(t)
	for _, m := range drivers {
		name := Name(m.path)
		files := byTree.files(name)
		if len(files) == 0 || files[0] != "kernel/"+m.path || !slices.Equal(files, byText.files(name)) {
			t.Errorf("%s: the tree has the files %q, the text %q", name, files, byText.files(name))
		}
		for _, pattern := range strings.Fields(m.aliases) {
			alias := matchingName(pattern)
			got, want := resolved(byTree, alias), resolved(byText, alias)
			if !slices.Contains(got, name) || !slices.Equal(got, want) {
				t.Errorf("%s, of %s: the tree has %q, the text %q", alias, name, got, want)
			}
		}
	}
	if got, want := len(byTree.files("virtio_pci")), 3; got != want {
		t.Errorf("virtio_pci has %d files, want %d: itself and its dependencies", got, want)
	}
	for module, want := range map[string]bool{"button": true, "serial_core": true, "virtio": false, "butto": false} {
		if byTree.isBuiltin(module) != want || byText.isBuiltin(module) != want {
			t.Errorf("%s is built in: %v by the tree, %v by the text, want %v",
				module, byTree.isBuiltin(module), byText.isBuiltin(module), want)
		}
	}
}

// resolved returns the modules that a name resolves to, sorted.
func resolved(x *Index, name string) []string {
	found := x.resolve(name)
	slices.Sort(found)
	return slices.Compact(found)
}

// matchingName returns a name that a pattern matches.
func matchingName(pattern string) string {
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

// runDepmod indexes the modules with the real depmod, and opens its trees and its texts.
func runDepmod(t *testing.T) (byTree, byText *Index) {
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
	writeFilesTo(t, dir, files)
	if _, err := command.Output(t.Context(), "", "depmod", "-b", base, release); err != nil {
		t.Fatalf("%v (make need-demo installs kmod)", err)
	}
	byTree = mustOpen(t, dir)
	for _, name := range []string{"modules.dep", "modules.alias", "modules.builtin"} {
		path := filepath.Join(dir, name+".bin")
		if data, err := os.ReadFile(path); err != nil || !tree(data).valid() {
			t.Fatalf("depmod's %s is not a valid tree: %v", name, err)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	return byTree, mustOpen(t, dir)
}

func mustOpen(t *testing.T, dir string) *Index {
	t.Helper()
	x, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return x
}
