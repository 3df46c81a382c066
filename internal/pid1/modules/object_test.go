package modules

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"strings"
	"testing"
)

// section is a section of an object file.
type section struct {
	name, data string
	header     elf.Section64
}

// object returns a module without code: the sections that depmod reads, which are .modinfo,
// the names of the exported symbols, and the table of the undefined symbols.
func object(t *testing.T, aliases, exports, needs []string) string {
	t.Helper()
	info := "license=GPL\x00"
	for _, alias := range aliases {
		info += "alias=" + alias + "\x00"
	}
	names, symbols := "\x00", []elf.Sym64{{}}
	for _, need := range needs {
		symbols = append(symbols, elf.Sym64{Name: uint32(len(names)), Info: elf.ST_INFO(elf.STB_GLOBAL, elf.STT_NOTYPE)})
		names += need + "\x00"
	}
	const strtab = 3 // its index
	return link(t, []section{
		{},
		{name: ".modinfo", data: info, header: elf.Section64{Type: uint32(elf.SHT_PROGBITS)}},
		{
			name:   "__ksymtab_strings",
			data:   strings.Join(append(exports, ""), "\x00"),
			header: elf.Section64{Type: uint32(elf.SHT_PROGBITS)},
		},
		{name: ".strtab", data: names, header: elf.Section64{Type: uint32(elf.SHT_STRTAB)}},
		{
			name:   ".symtab",
			data:   encode(t, symbols),
			header: elf.Section64{Type: uint32(elf.SHT_SYMTAB), Link: strtab, Info: 1, Entsize: elf.Sym64Size},
		},
	})
}

// link returns a relocatable file of the sections and .shstrtab.
func link(t *testing.T, sections []section) string {
	t.Helper()
	names := ""
	sections = append(sections, section{name: ".shstrtab", header: elf.Section64{Type: uint32(elf.SHT_STRTAB)}})
	for i := range sections {
		sections[i].header.Name = uint32(len(names))
		names += sections[i].name + "\x00"
	}
	last := len(sections) - 1
	sections[last].data = names
	head := elf.Header64{
		Ident: [elf.EI_NIDENT]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)},
		Type:  uint16(elf.ET_REL), Machine: uint16(elf.EM_X86_64), Version: uint32(elf.EV_CURRENT),
		Ehsize: uint16(binary.Size(elf.Header64{})), Shentsize: uint16(binary.Size(elf.Section64{})),
		Shnum: uint16(len(sections)), Shstrndx: uint16(last),
	}
	data, headers := "", ""
	for _, s := range sections {
		s.header.Off, s.header.Size = uint64(int(head.Ehsize)+len(data)), uint64(len(s.data))
		data += s.data
		headers += encode(t, s.header)
	}
	head.Shoff = uint64(int(head.Ehsize) + len(data))
	return encode(t, head) + data + headers
}

func encode(t *testing.T, v any) string {
	t.Helper()
	var b bytes.Buffer
	if err := binary.Write(&b, binary.LittleEndian, v); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
