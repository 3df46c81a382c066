// Package guest makes small things to boot in tests: Debian's kernel, and an initrd of
// busybox with a shell script as /init, which writes what the test wants to see.
package guest

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"github.com/org/linuxkit-action/fixtures/components"
	"github.com/org/linuxkit-action/internal/pid1/record"
)

// Cmdline is a kernel command line that shows everything.
const Cmdline = "console=ttyS0 panic=-1"

var (
	kernel  = sync.OnceValues(func() ([]byte, error) { return pick("kernel", "kernel") })
	drivers = sync.OnceValues(pickModules)
	busybox = sync.OnceValues(func() ([]byte, error) { return pick("busybox", "bin/busybox", "usr/bin/busybox") })
)

// pick returns the first file of a component with one of the names.
func pick(component string, names ...string) ([]byte, error) {
	img, err := components.Image(context.Background(), "", component)
	if err != nil {
		return nil, err
	}
	all := mutate.Extract(img)
	defer all.Close()
	file, err := seek(all, func(name string) bool { return slices.Contains(names, name) })
	if err != nil {
		return nil, fmt.Errorf("component %s has none of %q: %w", component, names, err)
	}
	return io.ReadAll(file)
}

// modules are drivers that Debian does not build in, in the order they are loaded.
var modules = []string{
	"drivers/acpi/button",
	"drivers/virtio/virtio_ring", "drivers/virtio/virtio",
	"drivers/virtio/virtio_pci_modern_dev", "drivers/virtio/virtio_pci_legacy_dev", "drivers/virtio/virtio_pci",
	"net/core/failover", "drivers/net/net_failover", "drivers/net/virtio_net",
}

// pickModules returns the kernel's modules, in the order of their names above.
func pickModules() ([][]byte, error) {
	archive, err := pick("kernel", "kernel.tar")
	if err != nil {
		return nil, err
	}
	var contents [][]byte
	for _, m := range modules {
		file, err := seek(bytes.NewReader(archive), func(name string) bool { return strings.HasSuffix(name, "/kernel/"+m+".ko") })
		if err != nil {
			return nil, fmt.Errorf("kernel.tar has no %s.ko: %w", m, err)
		}
		content, err := io.ReadAll(file)
		if err != nil {
			return nil, err
		}
		contents = append(contents, content)
	}
	return contents, nil
}

// seek returns the content of the first file of a tar stream whose name is wanted.
func seek(archive io.Reader, wanted func(name string) bool) (io.Reader, error) {
	for files := tar.NewReader(archive); ; {
		h, err := files.Next()
		if err != nil {
			return nil, err
		}
		if h.Typeflag == tar.TypeReg && wanted(strings.Trim(h.Name, "./")) {
			return files, nil
		}
	}
}

// Kernel writes a kernel into a folder of the test and returns its path.
func Kernel(t testing.TB) string { return write(t, "kernel", kernel) }

// Initrd writes an initrd into a folder of the test and returns its path. Script runs
// as PID 1, with busybox's applets in its PATH and /proc, /sys and /dev mounted. The
// shell function "record N" writes the Nth of the records, counted from 1; "button"
// waits until somebody has pressed the power button; "network" brings eth0 up.
func Initrd(t testing.TB, script string, records ...record.Record) string {
	return write(t, "initrd", func() ([]byte, error) {
		shell, err := busybox()
		if err != nil {
			return nil, err
		}
		loadable, err := drivers()
		if err != nil {
			return nil, err
		}
		var b bytes.Buffer
		for _, dir := range []string{"bin", "dev", "proc", "sys", "tmp"} {
			entry(&b, dir, 0o040755, nil)
		}
		entry(&b, "bin/busybox", 0o100755, shell)
		for i, m := range modules {
			entry(&b, filepath.Base(m)+".ko", 0o100644, loadable[i])
		}
		entry(&b, "init", 0o100755, []byte(setup+cases(records)+script))
		entry(&b, "TRAILER!!!", 0, nil)
		return b.Bytes(), nil
	})
}

const setup = `#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sys /sys
exec </dev/console >/dev/console 2>&1
echo on >/proc/sys/kernel/printk_devkmsg
insmod /button.ko
button() {
until grep -q '^ *[1-9]' /sys/firmware/acpi/interrupts/ff_pwr_btn; do sleep 0.1; done
}
network() {
for m in virtio_ring virtio virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci failover net_failover virtio_net; do insmod /$m.ko; done
ifconfig eth0 10.0.2.15
}
`

// cases makes the function record. Each record gets its number.
func cases(records []record.Record) string {
	var s strings.Builder
	s.WriteString("record() {\ncase $1 in\n")
	for i, r := range records {
		r.Seq = uint64(i + 1)
		line := strings.ReplaceAll(string(r.Append(nil)), "'", `'\''`)
		fmt.Fprintf(&s, "%d) echo '<6>%s' >/dev/kmsg;;\n", r.Seq, line)
	}
	s.WriteString("*) echo no such record;;\nesac\n}\n")
	return s.String()
}

// entry writes one file as the kernel reads it
// (Documentation/driver-api/early-userspace/buffer-format.rst, "newc").
func entry(b *bytes.Buffer, name string, mode int, content []byte) {
	fmt.Fprintf(b, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%s\x00",
		0, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name)+1, 0, name)
	pad(b)
	b.Write(content)
	pad(b)
}

func pad(b *bytes.Buffer) {
	for b.Len()%4 != 0 {
		b.WriteByte(0)
	}
}

func write(t testing.TB, name string, content func() ([]byte, error)) string {
	t.Helper()
	data, err := content()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}
