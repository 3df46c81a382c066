package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/org/linuxkit-action/internal/publish"
	"github.com/spf13/cobra"
)

// Values of --sign.
const (
	signByKey = "key"
	signOff   = "off"
)

var signModes = []string{signByKey, signOff}

// signFlags are for the commands that sign.
func (o *options) signFlags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&o.sign, "sign", signByKey, "signing mode: `"+strings.Join(signModes, "|")+"`; off releases without signatures")
	f.StringVar(&o.key, "key", "",
		"cosign `KEY` to sign with: a file, env://VARIABLE or a KMS reference; $COSIGN_PASSWORD is its password")
}

// signer returns the signer of --sign; nil signs nothing.
func (p *pipeline) signer(ctx context.Context) (publish.Signer, error) {
	switch {
	case p.sign == signOff:
		return nil, nil
	case p.key == "":
		return nil, fmt.Errorf("%w: no signing key; pass --key or --sign off", errUsage)
	}
	key, err := publish.LoadKey(ctx, p.key)
	if err != nil {
		return nil, err
	}
	return key, nil
}
