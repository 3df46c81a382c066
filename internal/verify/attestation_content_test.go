package verify

import (
	"bytes"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	bundlepb "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	"github.com/sigstore/sigstore-go/pkg/sign"
)

// provenance returns a statement with a predicate.
func provenance(d v1.Hash, predicate string) []byte {
	return bytes.Replace(statementOf(provenanceType, d), []byte(`"predicate":{}`), []byte(`"predicate":`+predicate), 1)
}

// byKeyWith attaches a statement with a predicate.
func byKeyWith(key sign.Keypair, predicate string) attachFunc {
	return withBundle(func(s *virtualSigstore, d v1.Hash) *bundlepb.Bundle {
		return s.keyBundle(key, provenance(d, predicate))
	})
}

// attestationRule is a rule with constraints on attestations of the type slsaprovenance1.
func attestationRule(keys string, constraints ...string) string {
	attestations := ""
	for _, c := range constraints {
		attestations += "{type: slsaprovenance1, cue: '" + c + "'}, "
	}
	return "rules: [{match: '**', " + keys + ", attestations: [" + attestations + "]}]"
}

const conflictXY = `statement does not satisfy cue: predicate.ci: conflicting values "y" and "x"`

// TestChecksContentOfSignedStatements: only the statements of the signers count.
func TestChecksContentOfSignedStatements(t *testing.T) {
	t.Parallel()
	s := newVirtualSigstore(t)
	key, eve := s.newKey("a.pub"), s.newKey("eve.pub")
	with := func(predicates ...string) attachFunc {
		all := []attachFunc{byKeys(signPredicate, key)}
		for _, p := range predicates {
			all = append(all, byKeyWith(key, p))
		}
		return sequence(all...)
	}
	forOther := withBundle(func(s *virtualSigstore, d v1.Hash) *bundlepb.Bundle {
		return s.keyBundle(key, provenance(otherDigest(d), `{"ci":"x"}`))
	})
	edited := withBundle(func(s *virtualSigstore, d v1.Hash) *bundlepb.Bundle {
		b := s.keyBundle(key, provenance(d, `{"ci":"y"}`))
		b.GetDsseEnvelope().Payload = provenance(d, `{"ci":"x"}`)
		return b
	})
	checkCases(t, s, attestationRule("key: a.pub", `predicate: {ci: "x", n?: <5}`), map[string]attachmentCase{
		"valid":                      {attach: with(`{"ci":"x"}`)},
		"other value":                {attach: with(`{"ci":"y"}`), want: conflictXY},
		"empty predicate":            {attach: with(`{}`), want: "statement does not satisfy cue: predicate.ci: missing"},
		"one of two":                 {attach: with(`{"ci":"y"}`, `{"ci":"x"}`)},
		"one half in each":           {attach: with(`{"ci":"y","n":1}`, `{"n":1}`), want: "missing"},
		"duplicate key":              {attach: with(`{"ci":"x","ci":"y"}`), want: "no attestation " + provenanceType},
		"number with huge exponent":  {attach: with(`{"ci":"x","n":1e-1000000000}`), want: "out of range"},
		"statement by another key":   {attach: sequence(with(), byKeyWith(eve, `{"ci":"x"}`)), want: "could not verify envelope"},
		"statement of another image": {attach: sequence(with(), forOther), want: wrongDigest},
		"statement edited":           {attach: sequence(with(), edited), want: "could not verify envelope"},
	})
	checkCases(t, s, attestationRule("key: a.pub", `predicate: ci: "x"`, `predicate: n: <5`), map[string]attachmentCase{
		"both in one statement": {attach: with(`{"ci":"x","n":1}`)},
		"in two statements":     {attach: with(`{"ci":"x"}`, `{"n":1}`)},
		"only the first":        {attach: with(`{"ci":"x"}`), want: "predicate.n: missing"},
		"only the second":       {attach: with(`{"n":1}`), want: "predicate.ci: missing"},
		"neither":               {attach: with(`{"n":9}`), want: "predicate.n: invalid value 9 (out of bound <5)"},
	})
	checkCases(t, s, attestationRule("keys: [a.pub, eve.pub]", `predicate: ci: "x"`), map[string]attachmentCase{
		"signers disagree": {attach: sequence(byKeyWith(key, `{"ci":"x"}`), byKeyWith(eve, `{"ci":"y"}`)), want: "(1 found): " + conflictXY},
	})
}

// TestChecksContentOfCosignAttestations: in both layouts, of several predicate types.
func TestChecksContentOfCosignAttestations(t *testing.T) {
	t.Parallel()
	trusted, _ := newKeyPairs(t)
	s := &virtualSigstore{t: t, dir: trusted}
	s.write("provenance.json", []byte(`{"buildDefinition":{"buildType":"https://acme.example/build@1",`+
		`"externalParameters":{"ref":"main"}},"runDetails":{"builder":{"id":"https://acme.example/ci"}}}`))
	s.write("empty.json", []byte(`{"buildDefinition":{},"runDetails":{}}`))
	s.write("scan.json", []byte(`{"scanner":{"result":{"high":0}}}`))
	s.write("note.txt", []byte("reviewed"))
	s.write("provenance.cue", []byte("package policy\n\npredicate: runDetails: builder: id: =~\"^https://acme\\\\.example/\"\n"+
		"predicate: buildDefinition: externalParameters: ref: \"main\"\n"))
	by := func(predicateType, file, bundles string) attachFunc {
		return func(s *virtualSigstore, r string, d v1.Hash) {
			image := r + "@" + d.String()
			cosignSign(s.t, trusted, "false", image)
			cosignAttest(s.t, trusted, bundles, predicateType, file, image)
		}
	}
	rule := func(predicateType, cue string) string {
		return "rules: [{match: '**', key: cosign.pub, attestations: [{type: " + predicateType + ", cue: '" + cue + "'}]}]"
	}
	const unsatisfied = "statement does not satisfy cue: predicate.runDetails.builder.id: "
	checkCases(t, s, rule("slsaprovenance1", "provenance.cue"), map[string]attachmentCase{
		"tags":                      {attach: by("slsaprovenance1", "provenance.json", "false")},
		"bundles":                   {attach: by("slsaprovenance1", "provenance.json", "true")},
		"tags, empty predicate":     {attach: by("slsaprovenance1", "empty.json", "false"), want: unsatisfied},
		"bundles, empty predicate":  {attach: by("slsaprovenance1", "empty.json", "true"), want: unsatisfied},
		"another type of predicate": {attach: by("vuln", "scan.json", "true"), want: ", only attestation " + vulnType},
	})
	checkCases(t, s, rule("vuln", "predicate: scanner: result: high: 0"), map[string]attachmentCase{
		"vulnerability scan": {attach: by("vuln", "scan.json", "true")},
	})
	checkCases(t, s, rule("custom", `predicate: Data: "reviewed"`), map[string]attachmentCase{
		"text":         {attach: by("custom", "note.txt", "true")},
		"another text": {attach: by("custom", "scan.json", "true"), want: "predicate.Data: conflicting values"},
	})
}
