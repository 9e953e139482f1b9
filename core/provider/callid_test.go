package provider

import (
	"strings"
	"testing"
)

// TestShortCallIDs: nine letters and digits, the same in every request.
func TestShortCallIDs(t *testing.T) {
	for _, id := range []string{"", "call_abc", "functions.f:0", "é", strings.Repeat("x", 200), "abcdefgh_", "abcdefghij"} {
		one, other := newCallIDs(), newCallIDs()
		short := one.short(id)
		if len(short) != 9 || strings.Trim(short, shortIDAlphabet) != "" {
			t.Errorf("%q became %q", id, short)
		}
		if again := one.short(id); again != short {
			t.Errorf("%q became %q, then %q", id, short, again)
		}
		other.short("another")
		if elsewhere := other.short(id); elsewhere != short {
			t.Errorf("%q became %q, elsewhere %q", id, short, elsewhere)
		}
	}
	if kept := newCallIDs().short("aB3456789"); kept != "aB3456789" {
		t.Errorf("a short id became %q", kept)
	}
}

// TestPlainCallIDs: letters, digits, _ and -, not too long, and as they were
// where that is enough.
func TestPlainCallIDs(t *testing.T) {
	ids := newCallIDs()
	for _, id := range []string{"toolu_01-A", strings.Repeat("y", 64)} {
		if plain := ids.plain(id, 64); plain != id {
			t.Errorf("%q became %q", id, plain)
		}
	}
	seen := map[string]string{}
	for _, id := range []string{"functions.f:0", "functions:f.0", "functions_f_0", "é", strings.Repeat("x", 65), strings.Repeat("x", 66)} {
		plain := ids.plain(id, 64)
		if plain == "" || len(plain) > 64 || strings.Trim(plain, shortIDAlphabet+"_-") != "" {
			t.Errorf("%q became %q", id, plain)
		}
		if other, ok := seen[plain]; ok {
			t.Errorf("%q and %q both became %q", id, other, plain)
		}
		seen[plain] = id
		if again := newCallIDs().plain(id, 64); again != plain {
			t.Errorf("%q became %q, elsewhere %q", id, plain, again)
		}
	}
}

// TestCallIDsApart: what is made of one id is never another.
func TestCallIDsApart(t *testing.T) {
	made := newCallIDs().short("call_1")
	ids := newCallIDs()
	if ids.short(made); ids.short("call_1") == made {
		t.Errorf("%s twice", made)
	}
	ids = newCallIDs()
	ids.taken[made] = true
	if other := ids.short("call_1"); other == made || ids.short("call_1") != other {
		t.Errorf("got %s", other)
	}
}
