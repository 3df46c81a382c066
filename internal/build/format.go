package build

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/org/linuxkit-action/internal/build/artifacts"
)

// Firmware is the program that loads a format on a machine.
type Firmware string

// Kinds of firmware.
const (
	DirectKernel Firmware = "direct kernel" // none: the machine monitor loads kernel, initrd and command line
	BIOS         Firmware = "BIOS"
	UEFI         Firmware = "UEFI"
	SecureBoot   Firmware = "UEFI Secure Boot"
	UBoot        Firmware = "U-Boot"
)

// Medium is the device on which the machine finds a format.
type Medium string

// Media. DirectKernel needs none for the files that it loads.
const (
	Disk  Medium = "disk"
	CDROM Medium = "CD-ROM"
)

// Boot is one way to boot a format.
type Boot struct {
	Firmware Firmware
	Medium   Medium
}

// String returns the firmware, and the medium where there is one.
func (b Boot) String() string {
	if b.Medium == "" {
		return string(b.Firmware)
	}
	return fmt.Sprintf("%s (%s)", b.Firmware, b.Medium)
}

// Part is a part of the system that an output contains.
type Part string

// Parts. PartUKI is kernel, initrd and command line in one EFI program.
const (
	PartKernel  Part = "kernel"
	PartCmdline Part = "command line"
	PartInitrd  Part = "initrd"
	PartRoot    Part = "root tree"
	PartUKI     Part = "UKI"
)

// Format is one row of the format table, which the build, the boot test, the help, the
// JSON schema and docs/formats.md read.
type Format struct {
	Name    string
	Summary string // for docs/formats.md
	Outputs []Output
	Boots   []Boot   // how the boot test boots it; nil: not bootable as it is
	Size    SizeRule // how --size applies
	Arches  []string // architectures it exists for, as in Go; nil: all
	Pipe    bool     // --o may write its one output to a pipe; LinuxKit allows it for tar and docker
}

// Output is one file of a format. It is written either as a stream, or to a file that
// can seek. A file may be sparse. Outputs with the same Suffix and Kind are the same file,
// which formats of one build share.
type Output struct {
	Kind     string // of package artifacts
	Suffix   string // appended to the name of the build
	Needs    []Part // what it contains
	Optional bool   // omit it if the system lacks a part of Needs; otherwise the build fails
	Stream   func(ctx context.Context, w io.Writer, p *product) error
	File     func(ctx context.Context, f *DiskFile, p *product) error
}

// formats is the format table. To add a format, add a row and its writer.
var formats = []Format{
	{
		Name: "kernel+initrd", Summary: "kernel, initrd and command line as three files",
		Boots: []Boot{{Firmware: DirectKernel}},
		Outputs: []Output{
			{Kind: artifacts.KindKernel, Suffix: "-kernel", Needs: []Part{PartKernel}, Optional: true, Stream: writeKernel},
			{Kind: artifacts.KindInitrd, Suffix: "-initrd.img", Needs: []Part{PartInitrd}, Stream: writeInitrd},
			{Kind: artifacts.KindCmdline, Suffix: "-cmdline", Needs: []Part{PartCmdline}, Optional: true, Stream: writeCmdline},
		},
	},
	{
		Name: "tar-kernel-initrd", Summary: "kernel, initrd, command line and microcode in one tar archive",
		Outputs: []Output{
			{Kind: artifacts.KindInitrdTar, Suffix: "-initrd.tar", Needs: []Part{PartInitrd}, Stream: writeInitrdTar},
		},
	},
	{
		Name: "tar", Summary: "root file system and `/boot` as a tar archive", Pipe: true,
		Outputs: []Output{{Kind: artifacts.KindTar, Suffix: ".tar", Needs: []Part{PartRoot}, Stream: writeTar}},
	},
	{
		Name: "docker", Summary: "the same with a `Dockerfile`, as the context of a `docker build`", Pipe: true,
		Outputs: []Output{{Kind: artifacts.KindDocker, Suffix: ".docker", Needs: []Part{PartRoot}, Stream: writeDocker}},
	},
}

// linuxKitFormats are the formats of `linuxkit build`. `check` accepts them in a manifest
// even if the table has no row for them. qcow2 and iso are short for the BIOS forms.
var linuxKitFormats = []string{
	"aws", "docker", "dynamic-vhd", "gcp", "iso-bios", "iso-efi", "iso-efi-initrd", "kernel+erofs", "kernel+initrd", "kernel+iso",
	"kernel+squashfs", "qcow2-bios", "qcow2-efi", "raw-bios", "raw-efi", "rpi3", "tar", "tar-kernel-initrd", "vhd", "vmdk",
	"qcow2", "iso",
}

// Formats returns the format table.
func Formats() []Format { return slices.Clone(formats) }

// LookupFormat returns the row of a format.
func LookupFormat(name string) (Format, bool) {
	i := slices.IndexFunc(formats, func(f Format) bool { return f.Name == name })
	if i < 0 {
		return Format{}, false
	}
	return formats[i], true
}

// FormatNames returns the names of all formats.
func FormatNames() []string { return formatNames(func(Format) bool { return true }) }

// PipeFormats returns the names of the formats that Stream writes.
func PipeFormats() []string { return formatNames(func(f Format) bool { return f.Pipe }) }

// ManifestFormats returns the formats that a manifest may name: those of the table and
// those of LinuxKit.
func ManifestFormats() []string {
	names := FormatNames()
	for _, name := range linuxKitFormats {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

func formatNames(keep func(Format) bool) []string {
	var names []string
	for _, f := range formats {
		if keep(f) {
			names = append(names, f.Name)
		}
	}
	return names
}

// BootsWith reports whether one of the firmwares boots the format.
func (f Format) BootsWith(firmware ...Firmware) bool {
	return slices.ContainsFunc(f.Boots, func(b Boot) bool { return slices.Contains(firmware, b.Firmware) })
}

// chooseFormats returns the rows of the requested formats, each once, in the order given,
// and rejects what the architecture does not have and a size that applies to none of them.
func chooseFormats(arch string, opts Options) ([]Format, error) {
	var chosen []Format
	for _, name := range opts.Formats {
		f, found := LookupFormat(name)
		if !found {
			return nil, fmt.Errorf("%w: unknown format %q; available formats: %s", ErrUsage, name, strings.Join(FormatNames(), ", "))
		}
		if f.Arches != nil && !slices.Contains(f.Arches, arch) {
			return nil, fmt.Errorf("%w: format %s is for %s, not for %s", ErrUsage, name, strings.Join(f.Arches, " and "), arch)
		}
		if !slices.ContainsFunc(chosen, func(c Format) bool { return c.Name == name }) {
			chosen = append(chosen, f)
		}
	}
	if opts.Size > 0 && len(chosen) > 0 && !slices.ContainsFunc(chosen, func(f Format) bool { return f.Size.applies() }) {
		return nil, fmt.Errorf("%w: --size: %s has no disk; omit --size, or build a disk format", ErrUsage,
			strings.Join(opts.Formats, ", "))
	}
	return chosen, checkConflicts(chosen)
}

// checkConflicts rejects formats that write different files under one name.
func checkConflicts(chosen []Format) error {
	type writer struct{ format, kind string }
	writers := map[string]writer{} // by suffix
	for _, f := range chosen {
		for _, o := range f.Outputs {
			first, exists := writers[o.Suffix]
			if exists && first.kind != o.Kind {
				return fmt.Errorf("%w: formats %s and %s both write NAME%s; build them with different --name or --output",
					ErrUsage, first.format, f.Name, o.Suffix)
			}
			writers[o.Suffix] = writer{format: f.Name, kind: o.Kind}
		}
	}
	return nil
}

// has reports whether the system can provide a part.
func (s *System) has(part Part) bool {
	switch part {
	case PartKernel, PartUKI:
		return s.Kernel != nil
	case PartCmdline:
		return s.Cmdline != ""
	}
	return true
}

// lacks returns the first part that the output needs and the system does not have.
func (o Output) lacks(s *System) (part Part, missing bool) {
	i := slices.IndexFunc(o.Needs, func(p Part) bool { return !s.has(p) })
	if i < 0 {
		return "", false
	}
	return o.Needs[i], true
}
