package constraint

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/org/linuxkit-action/internal/manifest/strict"
)

const provenanceType = "https://slsa.dev/provenance/v1"

// constrain compiles CUE that must be right.
func constrain(t testing.TB, text string) *constraint {
	t.Helper()
	c, err := loadConstraint(t.TempDir(), text, provenanceType)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return c
}

// saying returns a statement with a predicate.
func saying(predicate string) []byte {
	return bytes.Replace(blank(provenanceType), []byte(`"predicate":{}`), []byte(`"predicate":`+predicate), 1)
}

// TestLiesAboutContent: what a statement says, what is asked of it, and the refusal.
func TestLiesAboutContent(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ cue, predicate, want string }{
		"the truth":                       {`predicate: builder: id: "x"`, `{"builder":{"id":"x"}}`, ""},
		"the truth and more":              {`predicate: builder: id: "x"`, `{"builder":{"id":"x","version":2}}`, ""},
		"other value":                     {`predicate: builder: id: "x"`, `{"builder":{"id":"y"}}`, `predicate.builder.id: conflicting values "y" and "x"`},
		"says nothing of it":              {`predicate: builder: id: "x"`, `{}`, `predicate.builder: is missing`},
		"says less":                       {`predicate: builder: id: "x"`, `{"builder":{}}`, `predicate.builder.id: is missing`},
		"says it elsewhere":               {`predicate: builder: id: "x"`, `{"id":"x"}`, `predicate.builder: is missing`},
		"says it in other letters":        {`predicate: builder: id: "x"`, `{"builder":{"ID":"x"}}`, `predicate.builder.id: is missing`},
		"any text, none given":            {`predicate: id: string`, `{}`, `predicate.id: is missing`},
		"anything, none given":            {`predicate: id!: _`, `{}`, `predicate.id: is missing`},
		"default taken for what is said":  {`predicate: id: *"x" | string`, `{}`, `predicate.id: is missing`},
		"null for a struct":               {`predicate: builder: id: "x"`, `{"builder":null}`, `predicate.builder: conflicting values null and`},
		"number for a text":               {`predicate: id: "1"`, `{"id":1}`, `mismatched types`},
		"text for a number":               {`predicate: n: <5`, `{"n":"4"}`, `predicate.n: conflicting values "4" and <5 (mismatched types`},
		"text for a truth":                {`predicate: ok: true`, `{"ok":"true"}`, `predicate.ok: conflicting values`},
		"struct for a list":               {`predicate: l: [...]`, `{"l":{}}`, `predicate.l: conflicting values`},
		"number at the bound":             {`predicate: n: <=5`, `{"n":5}`, ""},
		"number over the bound":           {`predicate: n: <=5`, `{"n":5.0001}`, `predicate.n: invalid value 5.0001 (out of bound <=5)`},
		"list with an extra element":      {`predicate: l: ["a"]`, `{"l":["a","b"]}`, `predicate.l: incompatible list lengths (1 and 2)`},
		"list with one too few":           {`predicate: l: ["a", "b"]`, `{"l":["a"]}`, `incompatible list lengths`},
		"list in other order":             {`predicate: l: ["a", "b"]`, `{"l":["b","a"]}`, `predicate.l.0: conflicting values "b" and "a"`},
		"element that says nothing":       {`predicate: l: [...{ok: true}]`, `{"l":[{"ok":true},{}]}`, `predicate.l[1].ok: is missing`},
		"entry that says nothing":         {`predicate: all: {}, predicate: all: [string]: ok: true`, `{"all":{"a b":{}}}`, `predicate.all."a b".ok: is missing`},
		"expression that fits":            {`predicate: id: =~"^https://acme/"`, `{"id":"https://acme/1"}`, ""},
		"expression that does not fit":    {`predicate: id: =~"^https://acme/"`, `{"id":"http://evil/?https://acme/"}`, `predicate.id: invalid value "http://evil/?https://acme/" (out of bound =~"^https://acme/")`},
		"one of two":                      {`predicate: id: "x" | "y"`, `{"id":"y"}`, ""},
		"none of two":                     {`predicate: id: "x" | "y"`, `{"id":"z"}`, `predicate.id: 2 errors in empty disjunction: predicate.id: conflicting values "x" and "z"`},
		"optional and left out":           {`predicate: {id: "x", n?: 1}`, `{"id":"x"}`, ""},
		"optional and other":              {`predicate: {id: "x", n?: 1}`, `{"id":"x","n":2}`, `predicate.n: conflicting values 2 and 1`},
		"more than a closed struct":       {`predicate: close({id: "x"})`, `{"id":"x","evil":1}`, `predicate.evil: field not allowed`},
		"definition":                      {"#P: id: \"x\"\npredicate: #P", `{}`, `predicate.id: is missing`},
		"other predicate type":            {`predicateType: "https://slsa.dev/provenance/v2"`, `{}`, `predicateType: conflicting values`},
		"other statement type":            {`"_type": "https://in-toto.io/Statement/v9"`, `{}`, `"_type": conflicting values`},
		"subject without the name":        {`subject: [{name: "web", ...}]`, `{}`, `subject[0].name: is missing`},
		"hidden check that holds":         {"predicate: {a: int, b: int}\n_ok: true & (predicate.a < predicate.b)", `{"a":1,"b":2}`, ""},
		"hidden check that does not":      {"predicate: {a: int, b: int}\n_ok: true & (predicate.a < predicate.b)", `{"a":2,"b":1}`, `_ok: conflicting values false and true`},
		"alternatives, both asked for":    {`predicate: {a: 1} | {b: 2}`, `{}`, `predicate: `},
		"condition that asks for more":    {"predicate: {ci: bool, run?: string}\nif predicate.ci {predicate: run: string}", `{"ci":true}`, `predicate.run: is missing`},
		"strings of the standard library": {"import \"strings\"\npredicate: id: strings.HasPrefix(\"x\")", `{"id":"y"}`, `does not satisfy strings.HasPrefix("x")`},
		"regexp of the standard library":  {"import \"regexp\"\npredicate: id: regexp.Match(\"^x$\")", `{"id":"xx"}`, `does not satisfy regexp.Match("^x$")`},
		"time of the standard library":    {"import \"time\"\npredicate: at: time.Time", `{"at":"yesterday"}`, `does not satisfy time.Time`},
		"list of the standard library":    {"import \"list\"\npredicate: l: list.MatchN(1, {ok!: true, ...})", `{"l":[{"ok":true},{}]}`, ""},
		"list where none says it":         {"import \"list\"\npredicate: l: list.MatchN(1, {ok!: true, ...})", `{"l":[{"no":true},{}]}`, `number of matched elements is 0`},
		"attribute that does nothing":     {`predicate: id: "x" @tag(id)`, `{"id":"y"}`, `predicate.id: conflicting values`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := constrain(t, tt.cue).fulfilledBy(t.Context(), saying(tt.predicate))
			switch {
			case tt.want == "" && err != nil:
				t.Errorf("refused: %v", err)
			case tt.want != "" && (!errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("got  %v\nwant %s", err, tt.want)
			case err != nil && strings.ContainsAny(err.Error(), "\n\t"):
				t.Errorf("more than a line: %q", err)
			}
		})
	}
}

// TestHostileStatements: foreign bytes are refused, soon, and in a line that can be shown.
func TestHostileStatements(t *testing.T) {
	t.Parallel()
	c := constrain(t, `predicate: {x: _, n?: >0.5 & <5}`)
	for name, tt := range map[string]struct{ statement, want string }{
		"nothing":                      {``, "cannot be read"},
		"cut off":                      {`{"predicate":{"x":`, "cannot be read"},
		"no JSON":                      {`{predicate: x: 1}`, "cannot be read"},
		"CUE for JSON":                 {`{"predicate": {"x": 1} & {}}`, "cannot be read"},
		"a list":                       {`[]`, "conflicting values"},
		"two statements":               {`{"predicate":{"x":1}} {}`, "invalid JSON"},
		"key that is given twice":      {`{"predicate":{"x":1,"n":1,"n":9}}`, `it has "n" twice`},
		"key twice, in other spelling": {`{"predicate":{"x":1,"n":1,"\u006e":9}}`, `it has "n" twice`},
		"parts that CUE would join":    {`{"predicate":{},"predicate":{"x":1}}`, `it has "predicate" twice`},
		"no UTF-8":                     {"{\"predicate\":{\"x\":\"\xff\"}}", "invalid JSON"},
		"half a character":             {`{"predicate":{"x":"\ud800"}}`, "unmatched surrogate"},
		"giant number":                 {`{"predicate":{"x":1,"n":1e1000000000}}`, "the number 1e1000000000… is out of range"},
		"number CUE takes for 1":       {`{"predicate":{"x":1,"n":1e-1000000000}}`, "the number 1e-1000000000… is out of range"},
		"number of a million digits":   {`{"predicate":{"x":` + strings.Repeat("9", 1_000_000) + `}}`, "99999999999999999999… is out of range"},
		"deep nesting":                 {`{"predicate":{"x":` + strings.Repeat("[", 9000) + strings.Repeat("]", 9000) + `}}`, "nested deeper than 100"},
		"deeper nesting":               {strings.Repeat("[", 1<<20), "nested deeper than 100"},
		"deep objects":                 {strings.Repeat(`{"predicate":`, 80_000), "nested deeper than 100"},
		"many values":                  {`{"predicate":{"x":[1` + strings.Repeat(",[1,1,1,1,1,1,1,1,1]", 5000) + `]}}`, "more than 50000 values"},
		"a long list":                  {`{"predicate":{"x":[1` + strings.Repeat(",1", 500_000) + `]}}`, "more than 10000 members"},
		"a command for the job's log":  {`{"predicate":{"x":1,"n":"\n::error::\u001b[31m` + strings.Repeat("x", 1000) + `"}}`, `conflicting values "\n::error::\u001b[31mxxx`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := c.fulfilledBy(t.Context(), []byte(tt.statement))
			if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got  %.600v\nwant %s", err, tt.want)
			}
			if strings.ContainsAny(err.Error(), "\n\x1b") || len(err.Error()) > 500 {
				t.Errorf("not to be shown: %q", err)
			}
		})
	}
}

// TestTheLongestListsAreRead: as long as the bounds let them be. Without the deadline: the
// race detector takes ten times as long, and CUE less than a second.
func TestTheLongestListsAreRead(t *testing.T) {
	t.Parallel()
	list := func(entry string) string { return `[` + entry + strings.Repeat(","+entry, maxMembers-1) + `]` }
	predicate := `{"l":` + list(`{"ok":true}`) + `,"a":` + list("1") + `}`
	for cue, want := range map[string]string{
		`predicate: {l: [...{ok: true}], [=~"^a"]: [...<2]}`: "",
		`predicate: {l: [...{ok: true, n: 1}]}`:              "predicate.l[0].n: is missing",
	} {
		err := constrain(t, cue).compare(saying(predicate))
		if (err == nil) != (want == "") || err != nil && err.Error() != want {
			t.Errorf("%s: %v", cue, err)
		}
	}
}

func TestMistakesInCUE(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"wrong.cue": "predicate: {\n\tid: nowhere\n}",
		"large.cue": "// " + strings.Repeat("x", maxCUEBytes),
		"empty.cue": "",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	nothing := "asks for nothing"
	for in, want := range map[string]string{
		"predicate: {\n  id:\n}":                                                   "CUE:3:1: expected operand",
		"predicate: {\n  id: nowhere\n}":                                           `CUE:2:7: predicate.id: reference "nowhere" not found`,
		"predicate: id: 1 & 2":                                                     "CUE:1:16: predicate.id: conflicting values",
		"import \"acme.example/x\"\npredicate: x":                                  `CUE:1:8: package "acme.example/x" imported but not defined`,
		"import \"strings\"\npredicate: id: 1":                                     `CUE:1:8: imported and not used`,
		"@extern(embed)\npackage p\npredicate: _ @embed(file=wrong.cue,type=text)": "cannot embed files",
		"wrong.cue": `wrong.cue:2:6: predicate.id: reference "nowhere" not found`,
		"large.cue": "is larger than 256 KiB",
		"none.cue":  "none.cue: no such file",
		".":         "CUE:1:1: expected operand",
		"":          nothing, "_": nothing, "{}": nothing, "{...}": nothing, "empty.cue": nothing,
		"[string]: _":                               nothing,
		"predicate: {}":                             nothing,
		"predicate: _":                              nothing,
		"predicate?: builder?: id?: \"x\"":          nothing,
		"#Provenance: predicate: id: \"x\"":         nothing, // and never used
		"_predicate: id: \"x\"":                     nothing,
		"predicateType: string":                     nothing,
		"_type: \"x\", predicate: id: \"x\"":        `write "_type"`,
		"predicate: matchN(1, [{id: 1}, {id!: 2}])": "CUE:1:24: id: a value without this field would match; write id!:",
		"import \"list\"\n#F: a!: b: 1\npredicate: l: list.MatchN(>0, #F)":                      "CUE:2:9: b: a value without this field would match",
		"import l \"list\"\nlet f = {a: 1}\npredicate: l: l.MatchN(>0, f)":                      "CUE:2:10: a: a value",
		"import \"encoding/json\"\npredicate: Data: json.Validate({\"a\": 1})":                  "CUE:2:33: a: a value",
		"import \"list\"\npredicate: l: list.MatchN(>0, {a!: [string]: =~\"x\", #d: 1, _h: 1})": "",
	} {
		_, err := loadConstraint(dir, in, provenanceType)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q:\ngot  %v\nwant %s", in, err, want)
		}
	}
}

// TestPolicyNamesTheLineOfItsCUE: text in the policy or in a file beside it; a mistake is
// the policy's, with the place in both.
func TestPolicyNamesTheLineOfItsCUE(t *testing.T) {
	t.Parallel()
	w := &world{t: t, dir: t.TempDir()}
	w.newKey("a.pub")
	w.write("right.cue", []byte("package policy\n\npredicate: id: \"x\"\n"))
	w.write("wrong.cue", []byte("predicate: id: nowhere\n"))
	policy := "rules:\n- match: '**'\n  key: a.pub\n  attestations:\n  - type: vuln\n    cue: "
	for cue, want := range map[string]string{
		"right.cue":   "",
		"./right.cue": "",
		"|\n      predicate: id: \"x\"\n      predicateType: string\n": "",
		"wrong.cue":    `policy.yml:6:5: rules[0]: attestations[0]: cue: wrong.cue:1:16: predicate.id: reference "nowhere" not found`,
		"'predicate:'": "policy.yml:6:5: rules[0]: attestations[0]: cue: CUE:1:11: ",
		"''":           "policy.yml:6:5: rules[0]: attestations[0]: cue: asks for nothing",
		"[a]":          "cue: must be a string",
	} {
		_, err := ParsePolicy(filepath.Join(w.dir, "policy.yml"), []byte(policy+cue))
		if want == "" && err != nil || want != "" && (!errors.Is(err, strict.ErrInvalid) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n")) {
			t.Errorf("%s:\ngot  %v\nwant %s", cue, err, want)
		}
	}
}

// TestPolicyOfTheDesign loads the example of the design, whose CUE is filled in.
func TestPolicyOfTheDesign(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.newKey("acme.pub")
	policy := w.policy(`
default: digest               # signed | digest (pinned in manifest or lock) | any
trustedRoot: trusted_root.json      # no network needed
rules:                        # first match wins
  - match: ghcr.io/acme/**
    key: acme.pub
  - match: linuxkit/**
    keyless: {issuer: https://token.actions.githubusercontent.com, subject: https://github.com/linuxkit/linuxkit}
    attestations: [{type: slsaprovenance1, cue: 'predicate: runDetails: builder: id: =~"^https://github[.]com/"'}]
`)
	asked := policy.Rules[1].Attestations[0].claim()
	if asked.predicate != provenanceType || asked.content == nil {
		t.Fatalf("asks for %+v", asked)
	}
	if err := asked.content.fulfilledBy(t.Context(), saying(`{"runDetails":{"builder":{"id":"https://github.com/x"}}}`)); err != nil {
		t.Error(err)
	}
}

// TestEvaluationEnds: CUE cannot be stopped, but nobody waits for it, and its panics are
// errors.
func TestEvaluationEnds(t *testing.T) {
	t.Parallel()
	never := make(chan struct{})
	defer close(never)
	wait := func() error { <-never; return nil }
	if err := within(t.Context(), time.Millisecond, wait); err == nil || !strings.Contains(err.Error(), "has not come to an end in 1ms") {
		t.Errorf("late: %v", err)
	}
	if err := within(t.Context(), time.Hour, func() error { panic("CUE's") }); err == nil || !strings.Contains(err.Error(), "gave up: CUE's") {
		t.Errorf("panic: %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := within(ended, time.Hour, wait); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	err := constrain(t, `predicate: id: "x"`).fulfilledBy(ended, saying("{}"))
	if !errors.Is(err, context.Canceled) || errors.Is(err, ErrRefused) {
		t.Errorf("a run that was ended is no verdict: %v", err)
	}
}

// TestConstraintsAreAskedSideBySide: as components are, four at once.
func TestConstraintsAreAskedSideBySide(t *testing.T) {
	t.Parallel()
	c := constrain(t, "import \"strings\"\npredicate: id: strings.HasPrefix(\"x\")")
	results := make(chan error)
	for i := range 32 {
		go func() {
			predicate, _ := json.Marshal(map[string]string{"id": []string{"x1", "y1"}[i%2]})
			err := c.fulfilledBy(t.Context(), saying(string(predicate)))
			if errors.Is(err, ErrRefused) != (i%2 == 1) {
				results <- err
			}
			results <- nil
		}()
	}
	for range 32 {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
}

// FuzzContent: whatever a statement is, it is refused or says what is asked for, and
// nothing breaks.
func FuzzContent(f *testing.F) {
	c := constrain(f, `predicate: {id: "x", l?: [...{ok: true}], n?: <5 | =~"^a"}`)
	for _, predicate := range []string{`{"id":"x"}`, `{"id":"x","l":[{"ok":true}],"n":1e3}`, `{"id":"\ud83d\ude00","id":null}`, `[[[{}]]]`} {
		f.Add(saying(predicate))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		err := c.fulfilledBy(t.Context(), text)
		if err != nil {
			if !errors.Is(err, ErrRefused) || strings.Contains(err.Error(), "CUE gave up") || strings.Contains(err.Error(), "\n") {
				t.Errorf("%q", err)
			}
			return
		}
		var said map[string]any
		err = json.Unmarshal(text, &said)
		if predicate, ok := said["predicate"].(map[string]any); err != nil || !ok || predicate["id"] != "x" {
			t.Errorf("let in: %s, %v", text, err)
		}
	})
}
