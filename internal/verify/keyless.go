package verify

import (
	"context"
	"fmt"
	"regexp/syntax"

	"github.com/org/linuxkit-action/internal/manifest/strict"
	"github.com/org/linuxkit-action/internal/verify/attached"
	sigstore "github.com/sigstore/sigstore-go/pkg/verify"
)

// Keyless is a signer whom an issuer of identities knows, and to whom Sigstore's Fulcio
// gave a certificate for some minutes. Issuer and subject are each an exact value or, as
// cosign's flags have it, a regular expression under the name with RegExp. One that is not
// anchored would accept whoever puts the value into a longer one: it is warned of, and
// taken for the whole.
type Keyless struct {
	strict.At
	Issuer        string `yaml:"issuer"`
	IssuerRegExp  string `yaml:"issuerRegExp"`
	Subject       string `yaml:"subject"`
	SubjectRegExp string `yaml:"subjectRegExp"`

	identity sigstore.CertificateIdentity
	doubts   []strict.Problem
}

func (k *Keyless) prepare() []strict.Problem {
	problems := append(k.oneOf("issuer", k.Issuer, &k.IssuerRegExp), k.oneOf("subject", k.Subject, &k.SubjectRegExp)...)
	if len(problems) > 0 {
		return problems
	}
	var err error
	if k.identity, err = sigstore.NewShortCertificateIdentity(k.Issuer, k.IssuerRegExp, k.Subject, k.SubjectRegExp); err != nil {
		return []strict.Problem{k.Problem("", "%v", err)}
	}
	return nil
}

func (k *Keyless) oneOf(key, exact string, expression *string) []strict.Problem {
	if (exact == "") == (*expression == "") {
		return []strict.Problem{k.Problem(key, "must be given, or else %sRegExp, and not both", key)}
	}
	if exact != "" {
		return nil
	}
	key += "RegExp"
	parsed, err := syntax.Parse(*expression, syntax.Perl)
	if err != nil {
		return []strict.Problem{k.Problem(key, "%v", err)}
	}
	if !edge(parsed, syntax.OpBeginText) || !edge(parsed, syntax.OpEndText) {
		*expression = "^(?:" + *expression + ")$"
		k.doubts = append(k.doubts, k.Problem(key, "is not anchored, and would accept any value that only contains it; it is taken for %s, write that", *expression))
	}
	return nil
}

// edge reports whether whatever an expression matches begins with OpBeginText, or ends
// with OpEndText.
func edge(re *syntax.Regexp, op syntax.Op) bool {
	switch re.Op {
	case op:
		return true
	case syntax.OpCapture:
		return edge(re.Sub[0], op)
	case syntax.OpConcat:
		if op == syntax.OpBeginText {
			return edge(re.Sub[0], op)
		}
		return edge(re.Sub[len(re.Sub)-1], op)
	case syntax.OpAlternate:
		for _, sub := range re.Sub {
			if !edge(sub, op) {
				return false
			}
		}
		return true
	}
	return false
}

// name implements signer.
func (k *Keyless) name() string {
	subject, issuer := k.Subject+k.SubjectRegExp, k.Issuer+k.IssuerRegExp
	return fmt.Sprintf("%s (by %s)", subject, issuer)
}

// verify implements signer. When a certificate was used must be proven, for it is valid
// for some minutes only: by a log entry, or by a timestamp that an authority signed.
func (k *Keyless) verify(ctx context.Context, a attached.Attachment, what sigstore.ArtifactPolicyOption, rules demands) (Signature, error) {
	if err := usable(a); err != nil {
		return Signature{}, refused(err)
	}
	material, err := rules.sigstore(ctx)
	if err != nil {
		return Signature{}, err
	}
	options := []sigstore.VerifierOption{sigstore.WithObserverTimestamps(1)}
	if entries, _ := a.Bundle.TlogEntries(); rules.log || len(entries) > 0 && len(material.RekorLogs()) > 0 {
		options = append(options, sigstore.WithTransparencyLog(1))
	}
	if len(material.CTLogs()) > 0 {
		options = append(options, sigstore.WithSignedCertificateTimestamps(1))
	}
	verifier, err := sigstore.NewVerifier(forStamps(material, a), options...)
	if err != nil {
		return Signature{}, err
	}
	result, err := verifier.Verify(a.Bundle, sigstore.NewPolicy(what, sigstore.WithCertificateIdentity(k.identity)))
	if err != nil {
		return Signature{}, refused(outdated(err, verifier, a))
	}
	return describeCertificate(a, result)
}
