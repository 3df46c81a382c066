package vmlinuz

import (
	"encoding/binary"
	"fmt"
	"io"
)

// Fields of a bzImage's header (kernel Documentation/arch/x86/boot.rst). Numbers are
// little-endian.
const (
	atSetupSectors  = 0x1f1
	atBootFlag      = 0x1fe
	atMagic         = 0x202
	atProtocol      = 0x206
	atPayload       = 0x248 // from the end of the setup code
	atPayloadLength = 0x24c
	headerEnd       = 0x250

	bootFlag        = 0xaa55
	magic           = "HdrS"
	payloadProtocol = 0x0208 // the first that says where the payload is
	sector          = 512
	defaultSectors  = 4 // what 0 means
)

// payload returns the compressed kernel in a bzImage, or nil where it is none.
func payload(image *io.SectionReader) (*io.SectionReader, error) {
	var header [headerEnd]byte
	if n, _ := image.ReadAt(header[:], 0); n < headerEnd {
		return nil, nil
	}
	number := binary.LittleEndian
	if number.Uint16(header[atBootFlag:]) != bootFlag || string(header[atMagic:atMagic+len(magic)]) != magic {
		return nil, nil
	}
	if protocol := number.Uint16(header[atProtocol:]); protocol < payloadProtocol {
		return nil, fmt.Errorf("%w: it is a bzImage of boot protocol %d.%02d; 2.08 (Linux 2.6.26) is the first that says where the payload is", ErrKernel, protocol>>8, protocol&0xff)
	}
	sectors := int64(header[atSetupSectors])
	if sectors == 0 {
		sectors = defaultSectors
	}
	offset := (sectors+1)*sector + int64(number.Uint32(header[atPayload:]))
	length := int64(number.Uint32(header[atPayloadLength:]))
	if offset+length > image.Size() {
		return nil, fmt.Errorf("%w: its payload would be at %d to %d, and the file has %d bytes", ErrKernel, offset, offset+length, image.Size())
	}
	return io.NewSectionReader(image, offset, length), nil
}
