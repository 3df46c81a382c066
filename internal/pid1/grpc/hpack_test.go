package grpc

import (
	"math/rand/v2"
	"testing"

	"golang.org/x/net/http2/hpack"
)

func TestDecodeHuffmanOfAllPairs(t *testing.T) {
	t.Parallel()
	count := 0
	for _, same := range symbols {
		count += len(same)
	}
	if count != 256 {
		t.Errorf("%d symbols, want 256", count)
	}
	for a := range 256 {
		for b := range 256 {
			want := string([]byte{byte(a), byte(b)})
			if got, ok := decodeHuffman(hpack.AppendHuffmanString(nil, want)); !ok || got != want {
				t.Errorf("%q, %v; want %q", got, ok, want)
			}
		}
	}
}

func TestDecodeHuffmanAsXNet(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		coded := make([]byte, random.IntN(12))
		for i := range coded {
			coded[i] = byte(random.Uint32() | random.Uint32()) // more ones than zeros: long codes
		}
		compareHuffman(t, coded)
	}
}

// compareHuffman compares the decoder with that of golang.org/x/net.
func compareHuffman(t *testing.T, coded []byte) {
	t.Helper()
	want, err := hpack.HuffmanDecodeToString(coded)
	got, ok := decodeHuffman(coded)
	if ok != (err == nil) || ok && got != want {
		t.Errorf("%x: %q, %v; want %q, %v", coded, got, ok, want, err)
	}
}

func FuzzHuffman(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("\xff\xff\xff\xff"))
	f.Add(hpack.AppendHuffmanString(nil, "grpc-status"))
	f.Add(hpack.AppendHuffmanString(nil, "\x00\x16\xff\n\\"))
	f.Fuzz(compareHuffman)
}

func TestDecodesHeadersOfXNet(t *testing.T) {
	t.Parallel()
	for _, want := range []fields{
		{http: "200", status: "0"},
		{http: "404"},
		{http: "599", status: "16", message: "why"},
		{http: "500", status: "2", message: "\x00\xff☃%"},
	} {
		pairs := []string{
			"date", "now", ":status", want.http, "grpc-status", want.status, "x-unknown", "y", "grpc-message", want.message, "via", "z",
		}
		d := decoder{rest: block(pairs...)}
		if d.decode(); d.bad || d.fields != want {
			t.Errorf("%+v, want %+v", d, want)
		}
	}
}
