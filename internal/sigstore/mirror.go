package sigstore

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/sigstore/sigstore-go/pkg/tuf"
)

// maxCachedBytes bounds the files of cosign's TUF cache that are read here.
const maxCachedBytes = 1 << 20

// tufOptions returns the TUF repository and its cache as cosign chooses them: $TUF_ROOT is
// the folder of the cache and $TUF_MIRROR the address, or else the address that cosign
// initialize wrote into the cache. The initial root of another mirror than Sigstore's own
// is $TUF_ROOT_JSON, or else the one that cosign initialize stored.
func tufOptions() (*tuf.Options, error) {
	options := tuf.DefaultOptions()
	if dir := os.Getenv("TUF_ROOT"); dir != "" {
		options.CachePath = dir
	}
	address, err := mirrorAddress(options.CachePath)
	if err != nil {
		return nil, fmt.Errorf("%w: %w; run cosign initialize again", ErrTrustedRoot, err)
	}
	if address == "" || address == tuf.DefaultMirror {
		return options, nil
	}
	file := os.Getenv("TUF_ROOT_JSON")
	if file == "" {
		file = filepath.Join(options.CachePath, tuf.URLToPath(address), "root.json")
	}
	if options.Root, err = readCached(file); err != nil {
		const remedy = "set $TUF_ROOT_JSON, or run cosign initialize"
		return nil, fmt.Errorf("%w: initial root of mirror %s: %w; %s", ErrTrustedRoot, address, err, remedy)
	}
	return options.WithRepositoryBaseURL(address), nil
}

func mirrorAddress(cache string) (string, error) {
	if address := os.Getenv("TUF_MIRROR"); address != "" {
		return address, nil
	}
	file := filepath.Join(cache, "remote.json")
	text, err := readCached(file)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	var remote struct{ Mirror string }
	if err == nil {
		err = json.Unmarshal(text, &remote)
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w", file, err)
	}
	return remote.Mirror, nil
}

func readCached(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, maxCachedBytes+1))
	if len(content) > maxCachedBytes {
		return nil, fmt.Errorf("%s: file is too large; the limit is %d bytes", path, maxCachedBytes)
	}
	return content, err
}
