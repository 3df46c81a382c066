package progress

import (
	"fmt"
	"io"
	"sync"

	"github.com/org/linuxkit-action/internal/markup"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// bars shows a progress bar for each running task.
type bars struct {
	w       io.Writer
	mu      sync.Mutex
	current *mpb.Progress // nil before the first task of a step
}

func newBars(w io.Writer) *bars { return &bars{w: w} }

// progress returns the bars of the current step. Each step has its own, so that lines and
// bars keep their order.
func (b *bars) progress() *mpb.Progress {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.current == nil {
		b.current = mpb.New(mpb.WithOutput(b.w), mpb.WithWidth(32), mpb.WithAutoRefresh())
	}
	return b.current
}

func (b *bars) Step(name string) {
	b.Close()
	fmt.Fprintf(b.w, "\x1b[1m• %s\x1b[0m\n", name)
}

func (b *bars) Note(format string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	w := b.w
	if b.current != nil {
		w = b.current // above the bars
	}
	fmt.Fprintf(w, "  %s\n", note(format, args))
}

func (b *bars) Begin(label string, total int64) Task {
	bar := b.progress().AddBar(total,
		mpb.PrependDecorators(decor.Name("  "+markup.Printable(label), decor.WC{W: 34, C: decor.DindentRight})),
		mpb.AppendDecorators(decor.CountersKiloByte("% .1f / % .1f")))
	return &barTask{bar}
}

func (b *bars) Close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.current != nil {
		b.current.Wait()
		b.current = nil
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
