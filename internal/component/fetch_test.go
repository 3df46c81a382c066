package component

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// rest answers the second question about a layer with what follows the half that came.
func rest(change func(kept *recorder, from int)) func(*lied, int, http.ResponseWriter, *http.Request) {
	return func(l *lied, n int, w http.ResponseWriter, r *http.Request) {
		kept := l.truth(r)
		if n == 1 {
			kept.send(w, kept.Len()/2)
		}
		from, size := 0, kept.Len()
		fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &from)
		kept.Next(from)
		kept.code = http.StatusPartialContent
		kept.header.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, size-1, size))
		change(kept, from)
		kept.send(w, kept.Len())
	}
}

func TestBrokenTransfersAreResumed(t *testing.T) {
	t.Parallel()
	header := func(format string) func(*recorder, int) {
		return func(kept *recorder, from int) {
			kept.header.Set("Content-Range", strings.NewReplacer("FROM", fmt.Sprint(from), "LAST", fmt.Sprint(from+kept.Len()-1), "SIZE", fmt.Sprint(from+kept.Len())).Replace(format))
		}
	}
	for name, tt := range map[string]struct {
		change func(kept *recorder, from int)
		want   error
		text   string
	}{
		"the rest comes":                    {func(*recorder, int) {}, nil, ""},
		"the rest, of an unknown size":      {header("bytes FROM-LAST/*"), nil, ""},
		"without saying what comes":         {header(""), ErrMalformed, `the registry sends ""`},
		"from the beginning, called a rest": {header("bytes 0-LAST/SIZE"), ErrMalformed, "asked for the bytes from"},
		"from another blob":                 {header("bytes FROM-LAST/9"), ErrMalformed, "asked for the bytes from"},
		"more than the rest":                {func(kept *recorder, _ int) { kept.WriteString("more") }, ErrDigest, "has more than"},
		"less than the rest":                {func(kept *recorder, _ int) { kept.Truncate(kept.Len() - 1) }, ErrDigest, "its image says"},
		"other bytes":                       {func(kept *recorder, _ int) { kept.Bytes()[0] ^= 1 }, ErrDigest, "hash to sha256:"},
		"there is no such range":            {func(kept *recorder, _ int) { kept.code = http.StatusRequestedRangeNotSatisfiable }, ErrMalformed, "416"},
		"nothing, and that is all":          {func(kept *recorder, _ int) { kept.code = http.StatusNoContent; kept.Reset() }, ErrMalformed, "204"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := &lied{about: "/blobs/LAYER", lie: rest(tt.change)}
			_, err := pull(t, l, 300_000)
			if !errors.Is(err, tt.want) || err != nil && !strings.Contains(err.Error(), tt.text) {
				t.Errorf("got %v", err)
			}
			if len(l.asked) != 2 || l.asked[0].from != "" || !strings.HasPrefix(l.asked[1].from, "bytes=") || l.asked[1].from == "bytes=0-" {
				t.Errorf("asked %v", l.asked)
			}
		})
	}
}

// TestRangeIgnoredMeansFromTheBeginning: and what had come does not count twice.
func TestRangeIgnoredMeansFromTheBeginning(t *testing.T) {
	t.Parallel()
	l := &lied{about: "/blobs/LAYER", lie: broken(3)}
	got, err := pull(t, l, 300_000)
	if err != nil {
		t.Fatal(err)
	}
	if f, _ := got.Tree.Get("a"); f == nil || f.Size != 300_000 || len(l.asked) != 4 {
		t.Errorf("asked %d times, got %v", len(l.asked), f)
	}
}

// TestLargeLayersMayLieElsewhere: a redirect to a host whose paths look different does
// not make an answer out of a layer, which would be cut off.
func TestLargeLayersMayLieElsewhere(t *testing.T) {
	t.Parallel()
	l := &lied{about: "/blobs/LAYER"}
	l.lie = func(l *lied, n int, w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/elsewhere?"+r.URL.Path, http.StatusTemporaryRedirect)
	}
	elsewhere := func(honest http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/elsewhere" {
				r.URL.Path, r.URL.RawQuery = r.URL.RawQuery, ""
			}
			honest.ServeHTTP(w, r)
		})
	}
	if _, err := pullThrough(t, l, maxAnswerBytes+1000, elsewhere); err != nil {
		t.Error(err)
	}
}
