package verify

import (
	"bytes"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// TestSignedContentCounts: of what is attached, only that which the signer says and the
// rule asks for. Two rules' worth of content may be in two attestations.
func TestSignedContentCounts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	key, eve := w.newKey("a.pub"), w.newKey("eve.pub")
	says := func(d v1.Hash, predicate string) []byte {
		return bytes.Replace(statement(provenanceType, d), []byte(`"predicate":{}`), []byte(`"predicate":`+predicate), 1)
	}
	with := func(predicates ...string) func(*world, string, v1.Hash) {
		return func(w *world, r string, d v1.Hash) {
			attach(w.t, r, d, w.byKey(key, statement(signPredicate, d)))
			for _, p := range predicates {
				attach(w.t, r, d, w.byKey(key, says(d, p)))
			}
		}
	}
	told(t, w, `rules: [{match: '**', key: a.pub, attestations: [{type: slsaprovenance1, cue: 'predicate: {ci: "x", n?: <5}'}]}]`, map[string]lie{
		"the truth":          {with(`{"ci":"x"}`), ""},
		"other value":        {with(`{"ci":"y"}`), `it does not fulfil the rule's cue: predicate.ci: conflicting values "y" and "x"`},
		"says nothing of it": {with(`{}`), "it does not fulfil the rule's cue: predicate.ci: is missing"},
		"one of two":         {with(`{"ci":"y"}`, `{"ci":"x"}`), ""},
		"two halves":         {with(`{"ci":"y","n":1}`, `{"n":1}`), "is missing"},
		"key twice":          {with(`{"ci":"x","ci":"y"}`), "no attestation " + provenanceType},
		"tiny number":        {with(`{"ci":"x","n":1e-1000000000}`), "is out of range"},
		"what a stranger says": {func(w *world, r string, d v1.Hash) {
			with()(w, r, d)
			attach(w.t, r, d, w.byKey(eve, says(d, `{"ci":"x"}`)))
		}, "could not verify envelope"},
		"of another image": {func(w *world, r string, d v1.Hash) {
			with()(w, r, d)
			attach(w.t, r, d, w.byKey(key, says(another(d), `{"ci":"x"}`)))
		}, "it is for other bytes"},
		"edited": {func(w *world, r string, d v1.Hash) {
			with()(w, r, d)
			b := w.byKey(key, says(d, `{"ci":"y"}`))
			b.GetDsseEnvelope().Payload = says(d, `{"ci":"x"}`)
			attach(w.t, r, d, b)
		}, "could not verify envelope"},
	})
	told(t, w, `rules: [{match: '**', key: a.pub, attestations: [{type: slsaprovenance1, cue: 'predicate: ci: "x"'}, {type: slsaprovenance1, cue: 'predicate: n: <5'}]}]`, map[string]lie{
		"both in one":     {with(`{"ci":"x","n":1}`), ""},
		"each in its own": {with(`{"ci":"x"}`, `{"n":1}`), ""},
		"only the first":  {with(`{"ci":"x"}`), "predicate.n: is missing"},
		"only the second": {with(`{"n":1}`), "predicate.ci: is missing"},
		"neither":         {with(`{"n":9}`), "predicate.n: invalid value 9 (out of bound <5)"},
	})
	told(t, w, `rules: [{match: '**', keys: [a.pub, eve.pub], attestations: [{type: slsaprovenance1, cue: 'predicate: ci: "x"'}]}]`, map[string]lie{
		"one of two signers says otherwise": {func(w *world, r string, d v1.Hash) {
			attach(w.t, r, d, w.byKey(key, says(d, `{"ci":"x"}`)))
			attach(w.t, r, d, w.byKey(eve, says(d, `{"ci":"y"}`)))
		}, `(1 found): it does not fulfil the rule's cue: predicate.ci: conflicting values "y" and "x"`},
	})
}

// TestWhatTheRealCosignAttests: the bytes that cosign signs are what the rule's cue sees,
// in both layouts, and of whatever predicate type.
func TestWhatTheRealCosignAttests(t *testing.T) {
	t.Parallel()
	ours, _ := keys(t)
	w := &world{t: t, dir: ours}
	w.write("provenance.json", []byte(`{"buildDefinition":{"buildType":"https://acme.example/build@1","externalParameters":{"ref":"main"}},"runDetails":{"builder":{"id":"https://acme.example/ci"}}}`))
	w.write("unsaid.json", []byte(`{"buildDefinition":{},"runDetails":{}}`))
	w.write("scan.json", []byte(`{"scanner":{"result":{"high":0}}}`))
	w.write("note.txt", []byte("reviewed"))
	w.write("provenance.cue", []byte("package policy\n\npredicate: runDetails: builder: id: =~\"^https://acme\\\\.example/\"\npredicate: buildDefinition: externalParameters: ref: \"main\"\n"))
	by := func(kind, file, bundles string) func(*world, string, v1.Hash) {
		return func(w *world, r string, d v1.Hash) {
			image := r + "@" + d.String()
			cosign(w.t, ours, "sign", "--key", "cosign.key", "--tlog-upload=false", image)
			cosign(w.t, ours, "attest", "--key", "cosign.key", "--tlog-upload=false", "--new-bundle-format="+bundles, "--type", kind, "--predicate", file, image)
		}
	}
	rule := func(kind, cue string) string {
		return "rules: [{match: '**', key: cosign.pub, attestations: [{type: " + kind + ", cue: '" + cue + "'}]}]"
	}
	told(t, w, rule("slsaprovenance1", "provenance.cue"), map[string]lie{
		"tags":                     {by("slsaprovenance1", "provenance.json", "false"), ""},
		"bundles":                  {by("slsaprovenance1", "provenance.json", "true"), ""},
		"tags, nothing of it":      {by("slsaprovenance1", "unsaid.json", "false"), "does not fulfil the rule's cue: predicate.runDetails.builder.id: "},
		"bundles, nothing of it":   {by("slsaprovenance1", "unsaid.json", "true"), "does not fulfil the rule's cue: predicate.runDetails.builder.id: "},
		"what another type proves": {by("vuln", "scan.json", "true"), ", only attestation " + predicates["vuln"]},
	})
	told(t, w, rule("vuln", "predicate: scanner: result: high: 0"), map[string]lie{
		"no holes": {by("vuln", "scan.json", "true"), ""},
	})
	told(t, w, rule("custom", `predicate: Data: "reviewed"`), map[string]lie{
		"text":  {by("custom", "note.txt", "true"), ""},
		"other": {by("custom", "scan.json", "true"), "predicate.Data: conflicting values"},
	})
}
