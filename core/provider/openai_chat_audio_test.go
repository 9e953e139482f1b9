package provider

import "testing"

// TestJoinedBase64: pieces of a sound are joined however a server cut them.
func TestJoinedBase64(t *testing.T) {
	for _, test := range []struct {
		pieces []string
		want   string
	}{
		{[]string{"QUJD", "REVG"}, "QUJDREVG"},
		{[]string{"QUI=", "Qw==", "REVG"}, "QUJDREVG"},
		{[]string{"QU", "JDR", "A==", "RUY="}, "QUJDREVG"},
		{[]string{"QUI=", "R"}, "QUI=R"}, // not base64: as it came
		{[]string{"Q=I=", "QUJD"}, "Q=I=QUJD"},
	} {
		if got := joinedBase64(test.pieces); got != test.want {
			t.Errorf("%q: got %q, want %q", test.pieces, got, test.want)
		}
	}
}
