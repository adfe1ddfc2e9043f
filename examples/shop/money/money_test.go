package money

import "testing"

func TestString(t *testing.T) {
	for c, want := range map[Cents]string{0: "0.00 EUR", 7: "0.07 EUR", 1234: "12.34 EUR", -1999: "-19.99 EUR"} {
		if got := c.String(); got != want {
			t.Errorf("%d: got %s, want %s", int64(c), got, want)
		}
	}
}
