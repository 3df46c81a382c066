package pid1

import (
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/org/linuxkit-action/internal/pid1/snapshot"
)

const ms = time.Millisecond

func TestBlameIsSorted(t *testing.T) {
	t.Parallel()
	b := bootTimes{snapshot.Boot{
		Spans:    []span{{Name: "early", Took: 12 * ms}, {Name: "kernel", Took: 2100 * ms}, {Name: waitingName, Took: 0}},
		Parallel: []span{{Name: "service/a", Took: 20 * ms}, {Name: "service/b", Took: 300 * ms}},
	}}.sorted()
	want := snapshot.Boot{
		Spans:    []span{{Name: "kernel", Took: 2100 * ms}, {Name: "early", Took: 12 * ms}},
		Parallel: []span{{Name: "service/b", Took: 300 * ms}, {Name: "service/a", Took: 20 * ms}},
	}
	if !reflect.DeepEqual(b.Boot, want) {
		t.Errorf("got %+v, want %+v", b.Boot, want)
	}
}

// sum returns the sum of the items of a blame record.
func sum(t *testing.T, items string) int {
	t.Helper()
	total := 0
	for item := range strings.SplitSeq(items, ",") {
		_, ms, _ := strings.Cut(item, ":")
		n, err := strconv.Atoi(ms)
		if err != nil {
			t.Fatalf("%q in %q: %v", item, items, err)
		}
		total += n
	}
	return total
}

func TestBlameItemsAddUp(t *testing.T) {
	t.Parallel()
	a := bootTimes{snapshot.Boot{
		Total: 1820 * ms,
		Spans: []span{{Name: "early", Took: 20 * ms}, {Name: "service/web", Took: 1000 * ms}, {Name: "onboot/a,b:c", Took: 800 * ms}},
	}}.sorted()
	for size, want := range map[int]string{
		blameSize: "service/web:1000,onboot/a%2Cb%3Ac:800,early:20",
		46:        "service/web:1000,others:820",
		50:        "service/web:1000,onboot/a%2Cb%3Ac:800,early:20",
		5:         "others:1820",
	} {
		if got := a.items(size); got != want {
			t.Errorf("in %d bytes: %s, want %s", size, got, want)
		}
	}
	for n := range 200 {
		long := bootTimes{}
		for i := range n {
			long.Spans = append(long.Spans, span{Name: "onboot/number-" + strconv.Itoa(i), Took: time.Duration(i) * ms})
			long.Total += time.Duration(i) * ms
		}
		if items := long.sorted().items(blameSize); n > 1 && sum(t, items) != int(long.Total/ms) || len(items) > blameSize {
			t.Fatalf("%d parts: %d bytes, sum %s", n, len(items), items)
		}
	}
}

func TestBootTimesDuringBoot(t *testing.T) {
	t.Parallel()
	m := &machine{origin: uptime() - 1000*ms, phase: "onboot"}
	m.spans = []span{{Name: "kernel", Took: 300 * ms}, {Name: "early", Took: 100 * ms}}
	a := m.bootTimes()
	if len(a.Spans) != 3 || a.Spans[0].Name != "onboot" || a.Spans[0].Took != a.Total-400*ms || a.Complete {
		t.Errorf("%+v: want the rest of the time in the current phase", a)
	}
}
