package pid1

import (
	"strconv"
	"strings"
	"testing"
	"time"
)

const ms = time.Millisecond

func TestBlameOutput(t *testing.T) {
	t.Parallel()
	a := bootTimes{
		total: 3412 * ms, complete: true,
		spans:    []span{{"early", 12 * ms}, {"kernel", 2100 * ms}, {"onboot/dhcp", 800 * ms}, {waitingName, 0}, {"service/\x1bweb", 500 * ms}},
		parallel: []span{{"service/a", 20 * ms}, {"service/b", 300 * ms}},
	}.sorted()
	golden(t, "blame", a.String())
	a.complete, a.parallel = false, nil
	golden(t, "blame-so-far", a.String())
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
	a := bootTimes{total: 1820 * ms, spans: []span{{"early", 20 * ms}, {"service/web", 1000 * ms}, {"onboot/a,b:c", 800 * ms}}}.sorted()
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
			long.spans = append(long.spans, span{"onboot/number-" + strconv.Itoa(i), time.Duration(i) * ms})
			long.total += time.Duration(i) * ms
		}
		if items := long.sorted().items(blameSize); n > 1 && sum(t, items) != int(long.total/ms) || len(items) > blameSize {
			t.Fatalf("%d parts: %d bytes, sum %s", n, len(items), items)
		}
	}
}

func TestBootTimesDuringBoot(t *testing.T) {
	t.Parallel()
	m := &machine{origin: uptime() - 1000*ms, phase: "onboot", spans: []span{{"kernel", 300 * ms}, {"early", 100 * ms}}}
	a := m.bootTimes()
	if len(a.spans) != 3 || a.spans[0].name != "onboot" || a.spans[0].took != a.total-400*ms || a.complete {
		t.Errorf("%+v: want the rest of the time in the current phase", a)
	}
}
