package component

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/org/linuxkit-action/internal/budget"
)

// TestHolesStayHoles: the temporary file of an image takes no disk for blocks of zeros, and
// has the same content.
func TestHolesStayHoles(t *testing.T) {
	t.Parallel()
	file, err := openCache(t, t.TempDir()).tempFile()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	contents := &contentFile{file: file}
	hole := make([]byte, 32<<20)
	for name, want := range map[string][]byte{
		"hole": hole, "text": []byte("text"), "text, hole, text": append(append([]byte("a"), hole...), 'b'),
		"empty": {}, "hole at the end": append(bytes.Repeat([]byte("x"), 5000), hole...), "zeros of no whole block": make([]byte, 100),
	} {
		stored, err := contents.store(&tar.Header{Size: int64(len(want))}, bytes.NewReader(want))
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(io.NewSectionReader(stored, 0, int64(len(want))))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes, %v; want %d", name, len(got), err, len(want))
		}
	}
	var stat syscall.Stat_t
	if err := syscall.Fstat(int(file.Fd()), &stat); err != nil {
		t.Fatal(err)
	}
	if used := stat.Blocks * 512; used > 1<<20 || stat.Size < 96<<20 {
		t.Errorf("a file of %d bytes takes %d", stat.Size, used)
	}
}

func TestDiskBudgetIsThatOfTheRun(t *testing.T) {
	t.Parallel()
	file, err := openCache(t, t.TempDir()).tempFile()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	b := budget.New(10 << 20)
	for i := range 2 { // two images
		contents := &contentFile{file: file, budget: b}
		_, err := contents.store(&tar.Header{Size: 6 << 20}, bytes.NewReader(make([]byte, 6<<20)))
		if (i == 1) != errors.Is(err, budget.ErrExceeded) || i == 1 && !strings.Contains(err.Error(), "10 MiB of disk; raise --max-size") {
			t.Errorf("image %d: %v", i, err)
		}
	}
}

// TestDecodersShareMemory: the windows of all decoders that run are bounded together.
func TestDecodersShareMemory(t *testing.T) {
	t.Parallel()
	var large bytes.Buffer
	w, err := zstd.NewWriter(&large, zstd.WithWindowSize(maxWindow), zstd.WithEncoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	content := bytes.Repeat([]byte("content "), 1<<14)
	for range 100 { // streamed, so that the header has the window and no size
		if _, err := w.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	results := make(chan error)
	for range 4 {
		go func() {
			r, err := decompress(t.Context(), bytes.NewReader(large.Bytes()))
			if err != nil {
				results <- err
				return
			}
			n, err := io.Copy(io.Discard, r)
			if err == nil && n != int64(100*len(content)) {
				err = fmt.Errorf("%d bytes", n)
			}
			results <- errors.Join(err, r.Close())
		}()
	}
	for range 4 {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
}

func TestCountsValuesBeforeParsing(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		text     string
		rejected bool
	}{
		"null entries":    {text: `{"layers":[` + strings.Repeat("null,", 60_000) + `null]}`, rejected: true},
		"empty objects":   {text: strings.Repeat("{", 60_000), rejected: true},
		"commas in text":  {text: `{"a":"` + strings.Repeat(`,\"[`, 60_000) + `"}`},
		"an honest index": {text: `{"manifests":[` + strings.Repeat(`{"a":"b","c":{"d":"e"}},`, 1000) + `{}]}`},
	} {
		if err := checkShape([]byte(tt.text)); errors.Is(err, ErrMalformed) != tt.rejected {
			t.Errorf("%s: %v", name, err)
		}
	}
}
