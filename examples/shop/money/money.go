// Package money is amounts as the shop prints them.
package money

import "fmt"

// Cents is an amount in hundredths of a euro.
type Cents int64

// String is the amount with two decimals and its currency, such as "12.34 EUR".
func (c Cents) String() string {
	sign := ""
	if c < 0 {
		sign, c = "-", -c
	}
	return fmt.Sprintf("%s%d.%02d EUR", sign, c/100, c%100)
}
