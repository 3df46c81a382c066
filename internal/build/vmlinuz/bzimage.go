package vmlinuz

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
)

// Offsets and values of the header of a bzImage (kernel Documentation/arch/x86/boot.rst).
// Numbers are little-endian.
const (
	atSetupSectors  = 0x1f1
	atBootFlag      = 0x1fe
	atMagic         = 0x202
	atProtocol      = 0x206
	atRelease       = 0x20e // from atMagic-2
	atPayload       = 0x248 // from the end of the setup code
	atPayloadLength = 0x24c
	headerEnd       = 0x250

	bootFlag        = 0xaa55
	magic           = "HdrS"
	payloadProtocol = 0x0208 // first version with a payload offset
	sector          = 512
	defaultSectors  = 4 // if the header contains 0
)

// readHeader returns the header of a bzImage, and whether the image is one.
func readHeader(image io.ReaderAt) (header [headerEnd]byte, found bool) {
	if n, _ := image.ReadAt(header[:], 0); n < headerEnd {
		return header, false
	}
	return header, binary.LittleEndian.Uint16(header[atBootFlag:]) == bootFlag && string(header[atMagic:atMagic+len(magic)]) == magic
}

// maxRelease bounds the release of a kernel, in bytes (include/uapi/linux/utsname.h).
const maxRelease = 64

// Release returns the release of the kernel in a bzImage, as `uname -r` prints it, or ""
// if the image is no bzImage or contains none.
func Release(image io.ReaderAt) string {
	header, found := readHeader(image)
	at := binary.LittleEndian.Uint16(header[atRelease:])
	if !found || at == 0 {
		return ""
	}
	var text [maxRelease]byte
	n, _ := image.ReadAt(text[:], int64(at)+atMagic-2)
	end := bytes.IndexAny(text[:n], " \x00")
	if end < 0 || bytes.ContainsFunc(text[:end], func(c rune) bool { return c < '!' || c > '~' }) {
		return ""
	}
	return string(text[:end])
}

// payload returns the compressed kernel in a bzImage, or nil for another image.
func payload(image *io.SectionReader) (*io.SectionReader, error) {
	header, found := readHeader(image)
	if !found {
		return nil, nil
	}
	number := binary.LittleEndian
	if protocol := number.Uint16(header[atProtocol:]); protocol < payloadProtocol {
		return nil, fmt.Errorf("%w: bzImage with boot protocol %d.%02d; 2.08 (Linux 2.6.26) or later is required",
			ErrKernel, protocol>>8, protocol&0xff)
	}
	sectors := int64(header[atSetupSectors])
	if sectors == 0 {
		sectors = defaultSectors
	}
	offset := (sectors+1)*sector + int64(number.Uint32(header[atPayload:]))
	length := int64(number.Uint32(header[atPayloadLength:]))
	if offset+length > image.Size() {
		return nil, fmt.Errorf("%w: payload at %d to %d exceeds the file size of %d bytes", ErrKernel,
			offset, offset+length, image.Size())
	}
	return io.NewSectionReader(image, offset, length), nil
}
