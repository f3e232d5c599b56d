package handlers

import "testing"

func TestNegotiate(t *testing.T) {
	t.Parallel()
	all := []coding{brotlied, zstandard, gzipped, identity}
	for _, c := range []struct {
		accept []string
		want   coding // "" is none
	}{
		{nil, identity},
		{[]string{""}, identity},
		{[]string{"gzip"}, gzipped},
		{[]string{"GZip"}, gzipped},
		{[]string{"x-gzip"}, gzipped},
		{[]string{"gzip, deflate, br, zstd"}, brotlied},
		{[]string{"gzip, zstd"}, zstandard},
		{[]string{"gzip", "br"}, brotlied},
		{[]string{"deflate"}, identity},
		{[]string{"gzip;q=1.0, br;q=0.5"}, gzipped},
		{[]string{"gzip;q=0.8, br;q=0.8, zstd;q=0.9"}, zstandard},
		{[]string{"br;q=0, gzip"}, gzipped},
		{[]string{"br;q=0.000, zstd;q=0.0, gzip;q=0"}, identity},
		{[]string{"gzip;q=0.001"}, gzipped},
		{[]string{"gzip;q=0.5, identity"}, identity},
		{[]string{"gzip;q=0.5, identity;q=0.5"}, gzipped},
		{[]string{"gzip;q=0.5, identity;q=0.4"}, gzipped},
		{[]string{"identity"}, identity},
		{[]string{"*"}, brotlied},
		{[]string{"*;q=0.5, gzip"}, gzipped},
		{[]string{"*;q=0"}, ""},
		{[]string{"identity;q=0"}, ""},
		{[]string{"identity;q=0, *"}, brotlied},
		{[]string{"deflate, identity;q=0"}, ""},
		{[]string{"*;q=0, gzip"}, gzipped},
		{[]string{"*;q=0, identity"}, identity},
		{[]string{"gzip ; Q=0.4 , br\t;\tq=0.3"}, gzipped},
		{[]string{",, gzip ,"}, gzipped},
		{[]string{"br;q=2, gzip;q=0.1"}, gzipped},
		{[]string{"br;q=-1"}, identity},
		{[]string{"br;q=NaN"}, identity},
		{[]string{"br;q="}, identity},
		{[]string{"br;level=4"}, identity},
		{[]string{"br;q=1;q=0"}, identity},
	} {
		got, ok := negotiate(c.accept, all...)
		if got != c.want || ok != (c.want != "") {
			t.Errorf("%q: %q, %t; want %q", c.accept, got, ok, c.want)
		}
	}
}

func TestNegotiateWhatIsOffered(t *testing.T) {
	t.Parallel()
	if got, ok := negotiate([]string{"br, gzip;q=0.5"}, gzipped, identity); got != gzipped || !ok {
		t.Errorf("%q, %t", got, ok)
	}
	if got, ok := negotiate([]string{"br, identity;q=0"}, gzipped, identity); ok {
		t.Errorf("%q", got)
	}
}
