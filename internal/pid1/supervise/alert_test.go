package supervise

import (
	"reflect"
	"testing"
)

func TestGaveUpIsToldOnceOfEveryServiceThatFails(t *testing.T) {
	t.Parallel()
	web, needs, fine := quick("web"), quick("needs"), quick("fine")
	web.After, needs.Requires = []string{"network"}, []string{"web"}
	r := newRig(t, plain{}, map[string]string{"web": "exit 3", "needs": stay, "fine": stay}, web, needs, fine)
	told := map[string][]string{}
	r.do(func() {
		r.super.gaveUp = func(service, reason string) { told[service] = append(told[service], reason) }
		r.super.Reach("network")
	})
	r.until("failed service=needs")
	r.down()
	want := map[string][]string{"web": {"code 3; started 5 times within 1m0s"}, "needs": {"it requires web, which has failed"}}
	if !reflect.DeepEqual(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
}
