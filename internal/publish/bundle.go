package publish

import (
	"bytes"
	"context"
	"encoding/json"

	bundlepb "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	"google.golang.org/protobuf/encoding/protojson"
)

// bundleType is the media type of a Sigstore bundle (sigstore/protobuf-specs,
// sigstore_bundle.proto).
const bundleType = "application/vnd.dev.sigstore.bundle.v0.3+json"

// Signer signs the files of a release. Key is one.
type Signer interface {
	// Sign returns a Sigstore bundle over the file at path, whose SHA-256 is digest. The
	// error names the signer and the remedy; it wraps component.ErrUnavailable where a
	// later attempt may succeed.
	Sign(ctx context.Context, path string, digest []byte) (*bundlepb.Bundle, error)
}

// marshalBundle encodes a bundle as JSON. protojson adds random white space, which is
// removed.
func marshalBundle(b *bundlepb.Bundle) ([]byte, error) {
	raw, err := protojson.Marshal(b)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := json.Compact(&out, raw); err != nil {
		return nil, err
	}
	return append(out.Bytes(), '\n'), nil
}
