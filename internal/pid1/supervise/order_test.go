package supervise

import (
	"reflect"
	"strings"
	"testing"
)

func TestOrderLeavesOutWhatCannotBe(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		after    map[string]string
		want     map[string]string
		problems int
	}{
		"fine":             {map[string]string{"a": "b network", "b": "c", "c": ""}, map[string]string{"a": "b network", "b": "c", "c": ""}, 0},
		"unknown":          {map[string]string{"a": "typo", "b": "", "c": ""}, map[string]string{"a": "", "b": "", "c": ""}, 1},
		"itself":           {map[string]string{"a": "a", "b": "", "c": ""}, map[string]string{"a": "", "b": "", "c": ""}, 1},
		"a circle of two":  {map[string]string{"a": "b", "b": "a", "c": "a"}, map[string]string{"a": "b", "b": "", "c": "a"}, 1},
		"a circle of all":  {map[string]string{"a": "b", "b": "c", "c": "a"}, map[string]string{"a": "b", "b": "c", "c": ""}, 1},
		"twice, no circle": {map[string]string{"a": "b c", "b": "c", "c": ""}, map[string]string{"a": "b c", "b": "c", "c": ""}, 0},
	} {
		var services []Service
		for _, n := range []string{"a", "b", "c"} {
			services = append(services, Service{Name: n, After: strings.Fields(tt.after[n])})
		}
		ordered, problems := Order(services, []string{"network"})
		got := map[string]string{}
		for _, s := range ordered {
			got[s.Name] = strings.Join(s.After, " ")
		}
		if !reflect.DeepEqual(got, tt.want) || len(problems) != tt.problems {
			t.Errorf("%s: %v, problems %q", name, got, problems)
		}
	}
}
