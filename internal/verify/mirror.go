package verify

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/sigstore/sigstore-go/pkg/tuf"
)

// maxMirrorBytes bounds what cosign initialize notes, and a root of trust.
const maxMirrorBytes = 1 << 20

// mirror returns where the trusted root comes from and is kept, as cosign has it:
// $TUF_ROOT is the folder of the cache, $TUF_MIRROR the address, else what cosign
// initialize has noted in the cache. Another mirror than Sigstore's own is believed by
// its own root of trust: $TUF_ROOT_JSON, else what cosign initialize has put there.
func mirror() (*tuf.Options, error) {
	options := tuf.DefaultOptions()
	if dir := os.Getenv("TUF_ROOT"); dir != "" {
		options.CachePath = dir
	}
	address, err := mirrorAddress(options.CachePath)
	if err != nil {
		return nil, fmt.Errorf("%w: %w; run cosign initialize again", ErrAuthorities, err)
	}
	if address == "" || address == tuf.DefaultMirror {
		return options, nil
	}
	file := os.Getenv("TUF_ROOT_JSON")
	if file == "" {
		file = filepath.Join(options.CachePath, tuf.URLToPath(address), "root.json")
	}
	if options.Root, err = readSmall(file, maxMirrorBytes); err != nil {
		return nil, fmt.Errorf("%w: the root of trust of %s: %w; name it with $TUF_ROOT_JSON, or run cosign initialize", ErrAuthorities, address, err)
	}
	return options.WithRepositoryBaseURL(address), nil
}

func mirrorAddress(cache string) (string, error) {
	if address := os.Getenv("TUF_MIRROR"); address != "" {
		return address, nil
	}
	text, err := readSmall(filepath.Join(cache, "remote.json"), maxMirrorBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	var noted struct{ Mirror string }
	if err == nil {
		err = json.Unmarshal(text, &noted)
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w", filepath.Join(cache, "remote.json"), err)
	}
	return noted.Mirror, nil
}
