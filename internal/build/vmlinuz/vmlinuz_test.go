package vmlinuz

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

var kernel = []byte(strings.Repeat("uncompressed kernel. ", 5000))

func gzipped(text []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	w.Write(text)
	w.Close()
	return out.Bytes()
}

// withSize appends the size of the kernel (scripts/Makefile.lib, size_append).
func withSize(stream []byte) []byte {
	return binary.LittleEndian.AppendUint32(stream, uint32(len(kernel)))
}

func zstandard(text []byte) []byte {
	w, _ := zstd.NewWriter(nil)
	return withSize(w.EncodeAll(text, nil))
}

func legacyLZ4(text []byte) []byte {
	var out bytes.Buffer
	w := lz4.NewWriter(&out)
	w.Apply(lz4.LegacyOption(true))
	w.Write(text)
	w.Close()
	return withSize(out.Bytes())
}

// bzImage returns a kernel image with a payload. change may modify the header.
func bzImage(payload []byte, change func(header []byte)) []byte {
	const sectors = 3
	image := make([]byte, (sectors+1)*sector, (sectors+1)*sector+16+len(payload))
	number := binary.LittleEndian
	image[atSetupSectors] = sectors
	number.PutUint16(image[atBootFlag:], bootFlag)
	copy(image[atMagic:], magic)
	number.PutUint16(image[atProtocol:], 0x020f)
	number.PutUint32(image[atPayload:], 16)
	number.PutUint32(image[atPayloadLength:], uint32(len(payload)))
	image = append(image, make([]byte, 16)...)
	if change != nil {
		change(image)
	}
	return append(append(image, payload...), "decompressor"...)
}

func TestDecompress(t *testing.T) {
	t.Parallel()
	for name, image := range map[string][]byte{
		"Image.gz of arm64": gzipped(kernel),
		"bzImage with gzip": bzImage(gzipped(kernel), nil),
		"bzImage with zstd": bzImage(zstandard(kernel), nil),
		"bzImage with lz4":  bzImage(legacyLZ4(kernel), nil),
		"zero setup sectors": bzImage(append(make([]byte, sector), gzipped(kernel)...), func(h []byte) {
			h[atSetupSectors] = 0
			binary.LittleEndian.PutUint32(h[atPayloadLength:], uint32(len(gzipped(kernel))))
		}),
	} {
		var out bytes.Buffer
		n, err := Decompress(&out, bytes.NewReader(image), int64(len(image)))
		if err != nil || n != int64(len(kernel)) || !bytes.Equal(out.Bytes(), kernel) {
			t.Errorf("%s: %d bytes, %v", name, n, err)
		}
	}
}

func TestRelease(t *testing.T) {
	t.Parallel()
	withRelease := func(at uint16, text string) []byte {
		return bzImage(gzipped(kernel), func(h []byte) {
			binary.LittleEndian.PutUint16(h[atRelease:], at)
			copy(h[0x200+600:], text)
		})
	}
	for name, tt := range map[string]struct {
		image []byte
		want  string
	}{
		"Debian": {
			withRelease(600, "6.1.0-48-cloud-amd64 (debian-kernel@lists.debian.org) #1 SMP"),
			"6.1.0-48-cloud-amd64",
		},
		"LinuxKit":                {withRelease(600, "4.19.121-linuxkit\x00"), "4.19.121-linuxkit"},
		"no release":              {withRelease(0, "6.1.0 "), ""},
		"offset beyond the image": {withRelease(60000, ""), ""},
		"unterminated text":       {withRelease(600, strings.Repeat("6", 100)), ""},
		"unprintable text":        {withRelease(600, "6.1\x1b[2J "), ""},
		"not a bzImage":           {gzipped(kernel), ""},
		"empty image":             {nil, ""},
		"truncated header":        {withRelease(600, "6.1.0 ")[:headerEnd-1], ""},
		"truncated text":          {withRelease(600, "6.1.0-rc1 ")[:0x200+600+4], ""},
	} {
		if got := Release(bytes.NewReader(tt.image)); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}

func TestDecompressErrors(t *testing.T) {
	t.Parallel()
	number := binary.LittleEndian
	packed := gzipped(kernel)
	bomb := gzipped(make([]byte, maxBytes+1))
	for name, tt := range map[string]struct {
		image []byte
		want  string
	}{
		"empty image":         {nil, "uncompressed already"},
		"uncompressed kernel": {append([]byte("\x7fELF"), make([]byte, 4096)...), "uncompressed already"},
		"truncated bzImage":   {bzImage(packed, nil)[:0x24f], "uncompressed already"},
		"old boot protocol": {
			bzImage(packed, func(h []byte) { number.PutUint16(h[atProtocol:], 0x0207) }),
			"boot protocol 2.07",
		},
		"payload beyond the file": {bzImage(packed, func(h []byte) { number.PutUint32(h[atPayloadLength:], 1<<20) }), "exceeds the file size"},
		"offset overflows":        {bzImage(packed, func(h []byte) { number.PutUint32(h[atPayload:], 1<<32-1) }), "exceeds the file size"},
		"offset and length overflow": {
			bzImage(packed, func(h []byte) { copy(h[atPayload:], "\xff\xff\xff\xff\xff\xff\xff\xff") }),
			"exceeds the file size",
		},
		"empty payload":                 {bzImage(nil, nil), "uncompressed already"},
		"payload without a known magic": {bzImage([]byte("code, not a stream"), nil), "uncompressed already"},
		"xz":                            {bzImage([]byte("\xfd7zXZ\x00rest"), nil), "unsupported compression xz"},
		"truncated stream":              {packed[:len(packed)/2], "gzip: unexpected EOF"},
		"corrupt stream":                {bzImage(corrupt(packed), nil), "gzip: "},
		"decompression bomb":            {bomb, "exceeds 256 MiB"},
		"lz4 magic numbers only": {
			bzImage(append(bytes.Repeat([]byte("\x02\x21\x4c\x18"), 8<<20), "\xff\xff\xff\xff"...), nil),
			"lz4: the payload is empty",
		},
		"lz4 block too large":  {bzImage([]byte("\x02\x21\x4c\x18\xff\xff\xff\x7fsize"), nil), "block of 2147483647 bytes exceeds"},
		"truncated lz4 block":  {bzImage([]byte("\x02\x21\x4c\x18\xff\x00\x00\x00size"), nil), "lz4: unexpected EOF"},
		"zstd outside bzImage": {zstandard(kernel), "uncompressed already"},
	} {
		_, err := Decompress(io.Discard, bytes.NewReader(tt.image), int64(len(tt.image)))
		if !errors.Is(err, ErrKernel) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func corrupt(stream []byte) []byte {
	corrupt := bytes.Clone(stream)
	corrupt[len(corrupt)/2] ^= 0xff
	return corrupt
}

// fullDisk fails every write.
type fullDisk struct{}

var errFull = errors.New("no space left")

func (fullDisk) Write([]byte) (int, error) { return 0, errFull }

func TestWriteErrorDoesNotWrapErrKernel(t *testing.T) {
	t.Parallel()
	image := gzipped(kernel)
	_, err := Decompress(fullDisk{}, bytes.NewReader(image), int64(len(image)))
	if !errors.Is(err, errFull) || errors.Is(err, ErrKernel) {
		t.Errorf("got %v", err)
	}
}

func FuzzDecompress(f *testing.F) {
	for _, payload := range [][]byte{
		gzipped(kernel[:100]), zstandard(kernel[:100]), legacyLZ4(kernel[:100]),
		[]byte("\xfd7zXZ\x00"),
	} {
		f.Add(payload)
		f.Add(bzImage(payload, nil))
	}
	f.Fuzz(func(t *testing.T, image []byte) {
		var out counter
		n, err := Decompress(&out, bytes.NewReader(image), int64(len(image)))
		if n != int64(out) || n > maxBytes+1 || err != nil && !errors.Is(err, ErrKernel) {
			t.Errorf("returned %d, wrote %d: %v", n, out, err)
		}
		unprintable := func(c rune) bool { return c < '!' || c > '~' }
		if r := Release(bytes.NewReader(image)); len(r) >= maxRelease || strings.ContainsFunc(r, unprintable) {
			t.Errorf("release %q", r)
		}
	})
}

type counter int64

func (c *counter) Write(b []byte) (int, error) {
	*c += counter(len(b))
	return len(b), nil
}
