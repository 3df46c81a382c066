package publish

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"

	"github.com/org/linuxkit-action/internal/workspace"
	"github.com/sigstore/sigstore/pkg/signature/payload"
)

// envelopeStart begins what the signature of a DSSE envelope covers (secure-systems-lab
// DSSE, protocol.md, PAE).
const envelopeStart = "DSSEv1 "

// maxPayload is the size up to which cosign reads a payload.
const maxPayload = 128 << 20

var errSignable = errors.New("its signature would also be one of an image or of a statement: " +
	"the file is what cosign signs for these; change the file, or use a key that signs files only")

// checkSignable refuses a file whose bytes are what a signature of an image or of a
// statement covers. The author of a manifest chooses the bytes of some files, the command
// line among them, and would get any image signed.
func checkSignable(path string) error {
	f, err := workspace.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	content := bufio.NewReader(io.LimitReader(f, maxPayload))
	start, err := content.Peek(len(envelopeStart))
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if string(start) == envelopeStart || isPayload(content) {
		return errSignable
	}
	return nil
}

// isPayload reports whether a decoder of simple signing payloads finds a digest. The first
// JSON value counts, whatever follows. A file that is no JSON object is not read on.
func isPayload(content *bufio.Reader) bool {
	for {
		c, err := content.ReadByte()
		switch {
		case err != nil:
			return false
		case c == ' ' || c == '\t' || c == '\r' || c == '\n':
			continue
		case c != '{' || content.UnreadByte() != nil:
			return false
		}
		var signed payload.SimpleContainerImage
		err = json.NewDecoder(content).Decode(&signed)
		return err == nil && signed.Critical.Image.DockerManifestDigest != ""
	}
}
