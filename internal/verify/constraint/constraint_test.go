package constraint

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"cuelang.org/go/cue/cuecontext"
	cuejson "cuelang.org/go/encoding/json"
)

const provenanceType = "https://slsa.dev/provenance/v1"

// parse compiles valid CUE.
func parse(t testing.TB, text string) *Constraint {
	t.Helper()
	c, err := Parse("", text, provenanceType)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return c
}

// statementWith returns a statement with a predicate.
func statementWith(predicate string) []byte {
	return bytes.Replace(emptyStatement(provenanceType), []byte(`"predicate":{}`), []byte(`"predicate":`+predicate), 1)
}

var contentCases = map[string]struct{ cue, predicate, want string }{
	"satisfied": {cue: `predicate: builder: id: "x"`, predicate: `{"builder":{"id":"x"}}`},
	"additional field": {
		cue:       `predicate: builder: id: "x"`,
		predicate: `{"builder":{"id":"x","version":2}}`,
	},
	"other value": {
		cue:       `predicate: builder: id: "x"`,
		predicate: `{"builder":{"id":"y"}}`,
		want:      `predicate.builder.id: conflicting values "y" and "x"`,
	},
	"empty predicate": {
		cue:       `predicate: builder: id: "x"`,
		predicate: `{}`,
		want:      `predicate.builder: missing`,
	},
	"field missing": {
		cue:       `predicate: builder: id: "x"`,
		predicate: `{"builder":{}}`,
		want:      `predicate.builder.id: missing`,
	},
	"field at another path": {
		cue:       `predicate: builder: id: "x"`,
		predicate: `{"id":"x"}`,
		want:      `predicate.builder: missing`,
	},
	"field in another case": {
		cue:       `predicate: builder: id: "x"`,
		predicate: `{"builder":{"ID":"x"}}`,
		want:      `predicate.builder.id: missing`,
	},
	"string required, field missing":    {cue: `predicate: id: string`, predicate: `{}`, want: `predicate.id: missing`},
	"any value required, field missing": {cue: `predicate: id!: _`, predicate: `{}`, want: `predicate.id: missing`},
	"default does not replace a value": {
		cue:       `predicate: id: *"x" | string`,
		predicate: `{}`,
		want:      `predicate.id: missing`,
	},
	"null for a struct": {
		cue:       `predicate: builder: id: "x"`,
		predicate: `{"builder":null}`,
		want:      `predicate.builder: conflicting values null and`,
	},
	"number for a string": {cue: `predicate: id: "1"`, predicate: `{"id":1}`, want: `mismatched types`},
	"string for a number": {
		cue:       `predicate: n: <5`,
		predicate: `{"n":"4"}`,
		want:      `predicate.n: conflicting values "4" and <5 (mismatched types`,
	},
	"string for a bool": {
		cue:       `predicate: ok: true`,
		predicate: `{"ok":"true"}`,
		want:      `predicate.ok: conflicting values`,
	},
	"struct for a list": {
		cue:       `predicate: l: [...]`,
		predicate: `{"l":{}}`,
		want:      `predicate.l: conflicting values`,
	},
	"number at the bound": {cue: `predicate: n: <=5`, predicate: `{"n":5}`},
	"number over the bound": {
		cue:       `predicate: n: <=5`,
		predicate: `{"n":5.0001}`,
		want:      `predicate.n: invalid value 5.0001 (out of bound <=5)`,
	},
	"list with an extra element": {
		cue:       `predicate: l: ["a"]`,
		predicate: `{"l":["a","b"]}`,
		want:      `predicate.l: incompatible list lengths (1 and 2)`,
	},
	"list with a missing element": {
		cue:       `predicate: l: ["a", "b"]`,
		predicate: `{"l":["a"]}`,
		want:      `incompatible list lengths`,
	},
	"list in another order": {
		cue:       `predicate: l: ["a", "b"]`,
		predicate: `{"l":["b","a"]}`,
		want:      `predicate.l.0: conflicting values "b" and "a"`,
	},
	"empty element": {
		cue:       `predicate: l: [...{ok: true}]`,
		predicate: `{"l":[{"ok":true},{}]}`,
		want:      `predicate.l[1].ok: missing`,
	},
	"empty entry": {
		cue:       `predicate: all: {}, predicate: all: [string]: ok: true`,
		predicate: `{"all":{"a b":{}}}`,
		want:      `predicate.all."a b".ok: missing`,
	},
	"expression matches": {
		cue:       `predicate: id: =~"^https://acme/"`,
		predicate: `{"id":"https://acme/1"}`,
	},
	"expression does not match": {
		cue:       `predicate: id: =~"^https://acme/"`,
		predicate: `{"id":"http://evil/?https://acme/"}`,
		want:      `predicate.id: invalid value "http://evil/?https://acme/" (out of bound =~"^https://acme/")`,
	},
	"one of two": {cue: `predicate: id: "x" | "y"`, predicate: `{"id":"y"}`},
	"none of two": {
		cue:       `predicate: id: "x" | "y"`,
		predicate: `{"id":"z"}`,
		want:      `predicate.id: 2 errors in empty disjunction: predicate.id: conflicting values "x" and "z"`,
	},
	"optional field missing": {cue: `predicate: {id: "x", n?: 1}`, predicate: `{"id":"x"}`},
	"optional field with another value": {
		cue:       `predicate: {id: "x", n?: 1}`,
		predicate: `{"id":"x","n":2}`,
		want:      `predicate.n: conflicting values 2 and 1`,
	},
	"additional field in a closed struct": {
		cue:       `predicate: close({id: "x"})`,
		predicate: `{"id":"x","evil":1}`,
		want:      `predicate.evil: field not allowed`,
	},
	"definition": {
		cue:       "#P: id: \"x\"\npredicate: #P",
		predicate: `{}`,
		want:      `predicate.id: missing`,
	},
	"other predicate type": {
		cue:       `predicateType: "https://slsa.dev/provenance/v2"`,
		predicate: `{}`,
		want:      `predicateType: conflicting values`,
	},
	"other statement type": {
		cue:       `"_type": "https://in-toto.io/Statement/v9"`,
		predicate: `{}`,
		want:      `"_type": conflicting values`,
	},
	"subject without name": {
		cue:       `subject: [{name: "web", ...}]`,
		predicate: `{}`,
		want:      `subject[0].name: missing`,
	},
	"hidden check holds": {
		cue:       "predicate: {a: int, b: int}\n_ok: true & (predicate.a < predicate.b)",
		predicate: `{"a":1,"b":2}`,
	},
	"hidden check fails": {
		cue:       "predicate: {a: int, b: int}\n_ok: true & (predicate.a < predicate.b)",
		predicate: `{"a":2,"b":1}`,
		want:      `_ok: conflicting values false and true`,
	},
	"disjunction of structs": {cue: `predicate: {a: 1} | {b: 2}`, predicate: `{}`, want: `predicate: `},
	"condition requires a field": {
		cue:       "predicate: {ci: bool, run?: string}\nif predicate.ci {predicate: run: string}",
		predicate: `{"ci":true}`,
		want:      `predicate.run: missing`,
	},
	"strings of the standard library": {
		cue:       "import \"strings\"\npredicate: id: strings.HasPrefix(\"x\")",
		predicate: `{"id":"y"}`,
		want:      `does not satisfy strings.HasPrefix("x")`,
	},
	"regexp of the standard library": {
		cue:       "import \"regexp\"\npredicate: id: regexp.Match(\"^x$\")",
		predicate: `{"id":"xx"}`,
		want:      `does not satisfy regexp.Match("^x$")`,
	},
	"time of the standard library": {
		cue:       "import \"time\"\npredicate: at: time.Time",
		predicate: `{"at":"yesterday"}`,
		want:      `does not satisfy time.Time`,
	},
	"list of the standard library": {
		cue:       "import \"list\"\npredicate: l: list.MatchN(1, {ok!: true, ...})",
		predicate: `{"l":[{"ok":true},{}]}`,
	},
	"list without a matching element": {
		cue:       "import \"list\"\npredicate: l: list.MatchN(1, {ok!: true, ...})",
		predicate: `{"l":[{"no":true},{}]}`,
		want:      `number of matched elements is 0`,
	},
	"attribute is ignored": {
		cue:       `predicate: id: "x" @tag(id)`,
		predicate: `{"id":"y"}`,
		want:      `predicate.id: conflicting values`,
	},
}

// TestRejectsStatementsThatDoNotSatisfy lists constraint, predicate and error.
func TestRejectsStatementsThatDoNotSatisfy(t *testing.T) {
	t.Parallel()
	for name, tt := range contentCases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := parse(t, tt.cue).Check(t.Context(), statementWith(tt.predicate))
			switch {
			case tt.want == "" && err != nil:
				t.Errorf("rejected: %v", err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("got  %v\nwant %s", err, tt.want)
			case err != nil && strings.ContainsAny(err.Error(), "\n\t"):
				t.Errorf("more than a line: %q", err)
			}
		})
	}
}

var hostileStatements = map[string]struct{ statement, want string }{
	"empty":                          {``, "malformed statement"},
	"truncated":                      {`{"predicate":{"x":`, "malformed statement"},
	"not JSON":                       {`{predicate: x: 1}`, "malformed statement"},
	"CUE instead of JSON":            {`{"predicate": {"x": 1} & {}}`, "malformed statement"},
	"list":                           {`[]`, "conflicting values"},
	"two statements":                 {`{"predicate":{"x":1}} {}`, "invalid JSON"},
	"duplicate key":                  {`{"predicate":{"x":1,"n":1,"n":9}}`, `duplicate key "n"`},
	"duplicate key, escaped":         {`{"predicate":{"x":1,"n":1,"\u006e":9}}`, `duplicate key "n"`},
	"duplicate key that CUE unifies": {`{"predicate":{},"predicate":{"x":1}}`, `duplicate key "predicate"`},
	"invalid UTF-8":                  {"{\"predicate\":{\"x\":\"\xff\"}}", "invalid JSON"},
	"unpaired surrogate":             {`{"predicate":{"x":"\ud800"}}`, "unmatched surrogate"},
	"huge number":                    {`{"predicate":{"x":1,"n":1e1000000000}}`, "number 1e1000000000… out of range"},
	"number that CUE reads as 1":     {`{"predicate":{"x":1,"n":1e-1000000000}}`, "number 1e-1000000000… out of range"},
	"number of a million digits":     {`{"predicate":{"x":` + strings.Repeat("9", 1_000_000) + `}}`, "99999999999999999999… out of range"},
	"deep nesting": {
		`{"predicate":{"x":` + strings.Repeat("[", 9000) + strings.Repeat("]", 9000) + `}}`,
		"nested deeper than 100",
	},
	"deeper nesting": {strings.Repeat("[", 1<<20), "nested deeper than 100"},
	"deep objects":   {strings.Repeat(`{"predicate":`, 80_000), "nested deeper than 100"},
	"many values": {
		`{"predicate":{"x":[1` + strings.Repeat(",[1,1,1,1,1,1,1,1,1]", 5000) + `]}}`,
		"more than 50000 values",
	},
	"long list": {`{"predicate":{"x":[1` + strings.Repeat(",1", 500_000) + `]}}`, "more than 10000 members"},
	"workflow command": {
		`{"predicate":{"x":1,"n":"\n::error::\u001b[31m` + strings.Repeat("x", 1000) + `"}}`,
		`conflicting values "\n::error::\u001b[31mxxx`,
	},
}

// TestRejectsHostileStatements: quickly, and with an error that can be printed.
func TestRejectsHostileStatements(t *testing.T) {
	t.Parallel()
	c := parse(t, `predicate: {x: _, n?: >0.5 & <5}`)
	for name, tt := range hostileStatements {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := c.Check(t.Context(), []byte(tt.statement))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got  %.600v\nwant %s", err, tt.want)
			}
			if strings.ContainsAny(err.Error(), "\n\x1b") {
				t.Errorf("not printable: %q", err)
			}
		})
	}
}

// TestAcceptsListsUpToTheLimit calls compare, which has no deadline: with the race detector
// CUE takes ten times as long.
func TestAcceptsListsUpToTheLimit(t *testing.T) {
	t.Parallel()
	list := func(entry string) string { return `[` + entry + strings.Repeat(","+entry, maxMembers-1) + `]` }
	predicate := `{"l":` + list(`{"ok":true}`) + `,"a":` + list("1") + `}`
	for cue, want := range map[string]string{
		`predicate: {l: [...{ok: true}], [=~"^a"]: [...<2]}`: "",
		`predicate: {l: [...{ok: true, n: 1}]}`:              "predicate.l[0].n: missing",
	} {
		err := parse(t, cue).compare(statementWith(predicate))
		if (err == nil) != (want == "") || err != nil && err.Error() != want {
			t.Errorf("%s: %v", cue, err)
		}
	}
}

func TestReportsMistakesWithPosition(t *testing.T) {
	t.Parallel()
	const list, json, nothing = "import \"list\"\n", "import \"encoding/json\"\n", "requires nothing"
	for in, want := range map[string]string{
		"predicate: {\n  id:\n}":                  "CUE:3:1: expected operand",
		"predicate: {\n  id: unknown\n}":          `CUE:2:7: predicate.id: reference "unknown" not found`,
		"predicate: id: 1 & 2":                    "CUE:1:16: predicate.id: conflicting values",
		"import \"acme.example/x\"\npredicate: x": `CUE:1:8: package "acme.example/x" imported but not defined`,
		list + "predicate: id: 1":                 `CUE:1:8: imported and not used`,
		"@extern(embed)\npackage p\npredicate: _ @embed(file=wrong.cue,type=text)": "cannot embed files",
		"// " + strings.Repeat("x", MaxBytes):                                      "is larger than 256 KiB",
		".":                                                                        "CUE:1:1: expected operand",
		"":                                                                         nothing,
		"_":                                                                        nothing,
		"{}":                                                                       nothing,
		"{...}":                                                                    nothing,
		"[string]: _":                                                              nothing,
		"predicate: {}":                                                            nothing,
		"predicate: _":                                                             nothing,
		"predicate?: builder?: id?: \"x\"":                                         nothing,
		"#Provenance: predicate: id: \"x\"":                                        nothing, // a definition that is not used
		"_predicate: id: \"x\"":                                                    nothing,
		"predicateType: string":                                                    nothing,
		"_type: \"x\", predicate: id: \"x\"":                                       `write "_type"`,
		"predicate: matchN(1, [{id: 1}, {id!: 2}])":                                   "id: a value without this field would match; write id!:",
		list + "#F: a!: b: 1\npredicate: l: list.MatchN(>0, #F)":                      "CUE:2:9: b: a value without this field would match",
		"import l \"list\"\nlet f = {a: 1}\npredicate: l: l.MatchN(>0, f)":            "CUE:2:10: a: a value",
		json + "predicate: Data: json.Validate({\"a\": 1})":                           "CUE:2:33: a: a value",
		list + "predicate: l: list.MatchN(>0, {a!: [string]: =~\"x\", #d: 1, _h: 1})": "",
	} {
		_, err := Parse("", in, provenanceType)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q:\ngot  %v\nwant %s", in, err, want)
		}
	}
	_, err := Parse("a.cue", "predicate: {\n\tid: unknown\n}", provenanceType)
	if err == nil || !strings.HasPrefix(err.Error(), "a.cue:2:6: ") {
		t.Errorf("in a file: %v", err)
	}
}

// TestEvaluationIsBounded: a constraint of a few bytes can take all memory, or never end.
func TestEvaluationIsBounded(t *testing.T) {
	t.Parallel()
	const doublings = "a0: [1, 2, 3, 4]\n"
	var lists strings.Builder
	for i := range 24 {
		fmt.Fprintf(&lists, "a%d: [for x in a%d for y in [1, 2] {x}]\n", i+1, i)
	}
	for name, cue := range map[string]string{
		"20 GB of text":  "import \"strings\"\npredicate: id: strings.Repeat(\"x\", 20000000000)",
		"2 GB of text":   "import \"strings\"\npredicate: id: strings.Repeat(\"x\", 2000000000)",
		"24 doublings":   doublings + lists.String() + "predicate: id: a24[0]",
		"a long list":    "import \"list\"\npredicate: id: list.Range(0, 1000000000, 1)",
		"a large number": "import \"math\"\npredicate: id: math.Pow(10, 1000000000)",
	} {
		start := time.Now()
		_, err := Parse("", cue, provenanceType)
		if err == nil {
			t.Errorf("%s: accepted", name)
		}
		t.Logf("%s: %v in %v", name, err, time.Since(start))
		if took := time.Since(start); took > timeout+5*time.Second {
			t.Errorf("%s: took %v", name, took)
		}
	}
	var children syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_CHILDREN, &children); err != nil || children.Maxrss > 400<<10 {
		t.Errorf("peak memory is %d KiB, %v", children.Maxrss, err)
	}
	t.Logf("peak memory is %d MiB", children.Maxrss>>10)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	err := parse(t, `predicate: id: "x"`).Check(ended, statementWith("{}"))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled check: %v", err)
	}
}

func TestConcurrentChecks(t *testing.T) {
	t.Parallel()
	c := parse(t, "import \"strings\"\npredicate: id: strings.HasPrefix(\"x\")")
	results := make(chan error)
	for i := range 32 {
		go func() {
			predicate, _ := json.Marshal(map[string]string{"id": []string{"x1", "y1"}[i%2]})
			err := c.Check(t.Context(), statementWith(string(predicate)))
			if (err != nil) == (i%2 == 1) {
				err = nil
			} else if err == nil {
				err = errors.New("accepted")
			}
			results <- err
		}()
	}
	for range 32 {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
}

// FuzzCheck: a statement that is accepted has the required value.
func FuzzCheck(f *testing.F) {
	c := parse(f, `predicate: {id: "x", l?: [...{ok: true}], n?: <5 | =~"^a"}`)
	for _, predicate := range []string{`{"id":"x"}`, `{"id":"x","l":[{"ok":true}],"n":1e3}`, `{"id":"\ud83d\ude00","id":null}`, `[[[{}]]]`} {
		f.Add(statementWith(predicate))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		err := c.Check(t.Context(), text)
		if err != nil {
			if strings.Contains(err.Error(), "CUE panicked") {
				t.Errorf("%q", err)
			}
			return
		}
		var decoded map[string]any
		err = json.Unmarshal(text, &decoded)
		if predicate, ok := decoded["predicate"].(map[string]any); err != nil || !ok || predicate["id"] != "x" {
			t.Errorf("accepted: %s, %v", text, err)
		}
	})
}

// TestKeysAreDataAsInCosign: a key is a field whatever its characters are. The verdict is
// that of cosign, which compares with encoding/json.Validate.
func TestKeysAreDataAsInCosign(t *testing.T) {
	t.Parallel()
	const text = `predicate: results: {[string]: passed: true, unit: {...}}`
	c := parse(t, text)
	for _, key := range []string{
		"e2e", "#e2e", "#", "_e2e", "_", "__", "_#e2e", "$e2e", "e-2-e", "2e2", "0", "", " ", "true", "null", "package", "let", "if",
		`\\(1)`, `\"`, `\u0023e2e`, `\u005fe2e`, `e\n2e`, `\u2028`, `\ud83d\ude00`, "é", "...", "[string]", "e2e?", "e2e!", "@e2e()", "//", `\/`,
	} {
		for _, passed := range []string{"true", "false"} {
			statement := statementWith(`{"results":{"unit":{"passed":true},"` + key + `":{"passed":` + passed + `}}}`)
			err := c.Check(t.Context(), statement)
			if (err == nil) != (passed == "true") {
				t.Errorf("key %q, passed %s: %v", key, passed, err)
			}
			inCosign := cuejson.Validate(statement, cuecontext.New().CompileString(text))
			if (err == nil) != (inCosign == nil) {
				t.Errorf("key %q, passed %s: %v, cosign has %v", key, passed, err, inCosign)
			}
		}
	}
}

// TestValuesAreDataAsInCosign: numbers and strings of JSON are those of CUE.
func TestValuesAreDataAsInCosign(t *testing.T) {
	t.Parallel()
	for _, of := range []string{"int", "number", "string", "-5", "bool"} {
		text := "predicate: x: " + of
		c := parse(t, text)
		for _, value := range []string{
			`1`, `-5`, `-0`, `0`, `1.0`, `1e2`, `-1E+2`, `1.5e-3`, `12345678901234567890`,
			`"\\(1)"`, `"\u0000"`, `"a\nb"`, `true`, `null`, `[]`, `{}`,
		} {
			statement := statementWith(`{"x":` + value + `}`)
			err := c.Check(t.Context(), statement)
			inCosign := cuejson.Validate(statement, cuecontext.New().CompileString(text))
			if (err == nil) != (inCosign == nil) {
				t.Errorf("%s with %s: %v, cosign has %v", text, value, err, inCosign)
			}
		}
	}
}
