package statement

import (
	"strings"
	"testing"
)

const (
	head = `"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"x","digest":{"sha256":"aa"}}],"predicateType":"t"`
	end  = `,"predicate":{"a":[1,{}]}}`
)

func TestParsesHead(t *testing.T) {
	t.Parallel()
	older := strings.Replace(head, "Statement/v1", "Statement/v0.1", 1)
	for _, text := range []string{"{" + head + end, "{" + head + "}", " { " + older + end + "\n"} {
		s, err := ParseHead([]byte(text))
		if err != nil || s.GetPredicateType() != "t" || s.GetSubject()[0].GetDigest()["sha256"] != "aa" || s.GetPredicate() != nil {
			t.Errorf("%s: %v, %v", text, s, err)
		}
	}
}

func TestRejectsMalformedStatements(t *testing.T) {
	t.Parallel()
	const many = `{"digest":{"sha256":"aa"}},`
	for name, tt := range map[string]struct{ text, want string }{
		"not an object":       {text: "[]", want: "not a JSON object"},
		"truncated":           {text: "{" + head, want: "malformed"},
		"other type":          {text: `{"_type":"https://evil.example/Statement/v1"` + end, want: "statement has _type"},
		"no type":             {text: `{"predicateType":"t"` + end, want: "statement has _type"},
		"duplicate":           {text: `{"predicateType":"u",` + head + end, want: "duplicate"},
		"duplicate predicate": {text: "{" + head + end[:len(end)-1] + end, want: "duplicate"},
		"another case":        {text: `{"PredicateType":"u",` + head + end, want: "unknown"},
		"unknown field":       {text: `{"x":"u",` + head + end, want: "unknown"},
		"unknown in subject":  {text: strings.Replace("{"+head+end, `"name"`, `"Name"`, 1), want: "unknown"},
		"second statement":    {text: "{" + head + end + "{}", want: "data after"},
		"too many subjects":   {text: `{"subject":[` + strings.Repeat(many, 20_000) + `{}]` + end, want: "the limit is"},
	} {
		if _, err := ParseHead([]byte(tt.text)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
