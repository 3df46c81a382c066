// Command pack compresses the binaries of PID 1 for package payload: for each FILE it
// writes FILE.zst and removes FILE. The encoder is that of go.mod and runs in one
// thread, so that the same binary gives the same bytes on every machine.
package main

import (
	"fmt"
	"os"

	"github.com/klauspost/compress/zstd"
)

func main() {
	for _, name := range os.Args[1:] {
		if err := pack(name); err != nil {
			fmt.Fprintf(os.Stderr, "pack: %v\n", err)
			os.Exit(1)
		}
	}
}

func pack(name string) error {
	binary, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedBestCompression))
	if err != nil {
		return err
	}
	defer encoder.Close()
	if err := os.WriteFile(name+".zst", encoder.EncodeAll(binary, nil), 0o644); err != nil {
		return err
	}
	return os.Remove(name)
}
