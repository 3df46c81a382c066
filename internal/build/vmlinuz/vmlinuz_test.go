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

var kernel = []byte(strings.Repeat("a kernel, unpacked. ", 5000))

func gzipped(text []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	w.Write(text)
	w.Close()
	return out.Bytes()
}

// sized adds the size of the kernel, as its makefiles do behind all streams but gzip's.
func sized(stream []byte) []byte {
	return binary.LittleEndian.AppendUint32(stream, uint32(len(kernel)))
}

func zstandard(text []byte) []byte {
	w, _ := zstd.NewWriter(nil)
	return sized(w.EncodeAll(text, nil))
}

func legacyLZ4(text []byte) []byte {
	var out bytes.Buffer
	w := lz4.NewWriter(&out)
	w.Apply(lz4.LegacyOption(true))
	w.Write(text)
	w.Close()
	return sized(out.Bytes())
}

// bzImage returns a kernel image around a payload; change may tell lies in its header.
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
	return append(append(image, payload...), "code that unpacks"...)
}

func TestWhatBootsIsUnpacked(t *testing.T) {
	t.Parallel()
	for name, image := range map[string][]byte{
		"Image.gz of arm64": gzipped(kernel),
		"bzImage with gzip": bzImage(gzipped(kernel), nil),
		"bzImage with zstd": bzImage(zstandard(kernel), nil),
		"bzImage with lz4":  bzImage(legacyLZ4(kernel), nil),
		"no sectors means 4": bzImage(append(make([]byte, sector), gzipped(kernel)...), func(h []byte) {
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
	tells := func(at uint16, text string) []byte {
		return bzImage(gzipped(kernel), func(h []byte) {
			binary.LittleEndian.PutUint16(h[atRelease:], at)
			copy(h[0x200+600:], text)
		})
	}
	for name, tt := range map[string]struct {
		image []byte
		want  string
	}{
		"Debian's": {
			tells(600, "6.1.0-48-cloud-amd64 (debian-kernel@lists.debian.org) #1 SMP"),
			"6.1.0-48-cloud-amd64",
		},
		"LinuxKit's":             {tells(600, "4.19.121-linuxkit\x00"), "4.19.121-linuxkit"},
		"it tells none":          {tells(0, "6.1.0 "), ""},
		"beyond the image":       {tells(60000, ""), ""},
		"text without an end":    {tells(600, strings.Repeat("6", 100)), ""},
		"what cannot be printed": {tells(600, "6.1\x1b[2J "), ""},
		"no bzImage":             {gzipped(kernel), ""},
		"nothing":                {nil, ""},
		"header that is cut":     {tells(600, "6.1.0 ")[:headerEnd-1], ""},
		"the text is cut":        {tells(600, "6.1.0-rc1 ")[:0x200+600+4], ""},
	} {
		if got := Release(bytes.NewReader(tt.image)); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}

func TestWhatIsRefused(t *testing.T) {
	t.Parallel()
	number := binary.LittleEndian
	packed := gzipped(kernel)
	bomb := gzipped(make([]byte, maxBytes+1))
	for name, tt := range map[string]struct {
		image []byte
		want  string
	}{
		"nothing":             {nil, "unpacked already"},
		"an unpacked kernel":  {append([]byte("\x7fELF"), make([]byte, 4096)...), "unpacked already"},
		"a bzImage cut short": {bzImage(packed, nil)[:0x24f], "unpacked already"},
		"an old protocol": {
			bzImage(packed, func(h []byte) { number.PutUint16(h[atProtocol:], 0x0207) }),
			"boot protocol 2.07",
		},
		"payload beyond end": {bzImage(packed, func(h []byte) { number.PutUint32(h[atPayloadLength:], 1<<20) }), "the file has"},
		"offset that wraps":  {bzImage(packed, func(h []byte) { number.PutUint32(h[atPayload:], 1<<32-1) }), "the file has"},
		"both at their most": {
			bzImage(packed, func(h []byte) { copy(h[atPayload:], "\xff\xff\xff\xff\xff\xff\xff\xff") }),
			"the file has",
		},
		"no payload":           {bzImage(nil, nil), "unpacked already"},
		"payload of nothing":   {bzImage([]byte("code, not a stream"), nil), "unpacked already"},
		"xz":                   {bzImage([]byte("\xfd7zXZ\x00rest"), nil), "packed with xz"},
		"a stream cut short":   {packed[:len(packed)/2], "gzip: unexpected EOF"},
		"a stream with a flaw": {bzImage(flawed(packed), nil), "gzip: "},
		"more than a kernel":   {bomb, "more than 256 MiB"},
		"lz4 of magic alone": {
			bzImage(append(bytes.Repeat([]byte("\x02\x21\x4c\x18"), 8<<20), "\xff\xff\xff\xff"...), nil),
			"lz4: it unpacks to nothing",
		},
		"lz4 block too large":  {bzImage([]byte("\x02\x21\x4c\x18\xff\xff\xff\x7fsize"), nil), "a block of 2147483647 bytes"},
		"lz4 block cut short":  {bzImage([]byte("\x02\x21\x4c\x18\xff\x00\x00\x00size"), nil), "lz4: unexpected EOF"},
		"zstd outside bzImage": {zstandard(kernel), "unpacked already"},
	} {
		_, err := Decompress(io.Discard, bytes.NewReader(tt.image), int64(len(tt.image)))
		if !errors.Is(err, ErrKernel) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func flawed(stream []byte) []byte {
	flawed := bytes.Clone(stream)
	flawed[len(flawed)/2] ^= 0xff
	return flawed
}

// full is a disk without room.
type full struct{}

var errFull = errors.New("no space left")

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestAFullDiskIsNoFaultOfTheKernel(t *testing.T) {
	t.Parallel()
	image := gzipped(kernel)
	_, err := Decompress(full{}, bytes.NewReader(image), int64(len(image)))
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
			t.Errorf("said %d, wrote %d: %v", n, out, err)
		}
		if r := Release(bytes.NewReader(image)); len(r) >= maxRelease || strings.ContainsFunc(r, func(c rune) bool { return c < '!' || c > '~' }) {
			t.Errorf("release %q", r)
		}
	})
}

type counter int64

func (c *counter) Write(b []byte) (int, error) {
	*c += counter(len(b))
	return len(b), nil
}
