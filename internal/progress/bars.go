package progress

import (
	"fmt"
	"io"
	"sync"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// bars shows one moving bar for each piece under way.
type bars struct {
	w  io.Writer
	mu sync.Mutex
	at *mpb.Progress // nil between the bars of one step and those of the next
}

func newBars(w io.Writer) *bars { return &bars{w: w} }

// container is made anew for each step, so that text and bars keep their order.
func (b *bars) container() *mpb.Progress {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.at == nil {
		b.at = mpb.New(mpb.WithOutput(b.w), mpb.WithWidth(32), mpb.WithAutoRefresh())
	}
	return b.at
}

func (b *bars) Step(name string) {
	b.Close()
	fmt.Fprintf(b.w, "\x1b[1m• %s\x1b[0m\n", name)
}

func (b *bars) Note(format string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var w io.Writer = b.w
	if b.at != nil {
		w = b.at // above the bars
	}
	fmt.Fprintf(w, "  "+format+"\n", args...)
}

func (b *bars) Begin(label string, total int64) Task {
	bar := b.container().AddBar(total,
		mpb.PrependDecorators(decor.Name("  "+label, decor.WC{W: 34, C: decor.DindentRight})),
		mpb.AppendDecorators(decor.CountersKiloByte("% .1f / % .1f")))
	return &barTask{bar}
}

func (b *bars) Close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.at != nil {
		b.at.Wait()
		b.at = nil
	}
}

type barTask struct{ bar *mpb.Bar }

func (t *barTask) Add(n int64) { t.bar.IncrInt64(n) }

func (t *barTask) Done(ok bool) {
	if ok {
		t.bar.SetTotal(-1, true)
		return
	}
	t.bar.Abort(true)
}
