package halt

import (
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestMountsAreReadInTheirOrder(t *testing.T) {
	t.Parallel()
	const text = `22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
40 27 0:30 / /mnt/with\040blank rw shared:2 master:3 - overlay overlay rw
garbage
41 27 0:31 / /odd\134name\9 rw -  xfs /dev/vdb rw
`
	want := []mountPoint{{"/proc", "proc"}, {"/", "ext4"}, {"/mnt/with blank", "overlay"}, {`/odd\name\9`, "xfs"}}
	if got := parseMounts(text); !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func FuzzParseMounts(f *testing.F) {
	f.Add(`40 27 0:30 / /a\040b rw - overlay overlay rw`)
	f.Fuzz(func(t *testing.T, text string) {
		for _, m := range parseMounts(text) {
			if len(m.path) > len(text) || m.kind == "" || strings.ContainsAny(m.kind, " \n") {
				t.Errorf("%q: %+v", text, m)
			}
		}
	})
}

func TestACallThatHangsIsGivenUp(t *testing.T) {
	t.Parallel()
	hold := make(chan struct{})
	defer close(hold)
	start := time.Now()
	err := attempt("unmount", "/nfs", func() error { <-hold; return nil })
	if !errors.Is(err, os.ErrDeadlineExceeded) || !strings.Contains(err.Error(), "/nfs") {
		t.Errorf("error %v", err)
	}
	if waited := time.Since(start); waited > 10*mountWait {
		t.Errorf("waited %v", waited)
	}
}

func TestACallThatFailsOrPanicsIsOver(t *testing.T) {
	t.Parallel()
	if err := attempt("unmount", "/x", func() error { return os.ErrPermission }); !errors.Is(err, os.ErrPermission) {
		t.Errorf("error %v", err)
	}
	if err := attempt("unmount", "/x", func() error { panic("boom") }); err != nil {
		t.Errorf("error %v", err)
	}
}

func TestUntilGivesUp(t *testing.T) {
	t.Parallel()
	if until(30*time.Millisecond, func() bool { return false }) {
		t.Error("it says that what never happens has")
	}
	if !until(time.Minute, func() bool { return true }) {
		t.Error("it does not see what is so already")
	}
}
