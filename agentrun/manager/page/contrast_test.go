package page

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var colour = regexp.MustCompile(`--([a-z]+): #([0-9a-f]{6});`)

// TestContrast: text is readable as WCAG's level AA wants it, in light and dark.
func TestContrast(t *testing.T) {
	css, err := static.ReadFile("static/page.css")
	if err != nil {
		t.Fatal(err)
	}
	light, dark, ok := strings.Cut(string(css), "prefers-color-scheme: dark")
	if !ok {
		t.Fatal("there is no dark scheme")
	}
	for name, text := range map[string]string{"light": light, "dark": dark} {
		c := map[string]float64{}
		for _, m := range colour.FindAllStringSubmatch(text, -1) {
			c[m[1]] = luminance(t, m[2])
		}
		want := func(front, back string, least float64) {
			a, okA := c[front]
			b, okB := c[back]
			if !okA || !okB {
				t.Fatalf("%s: no %s or no %s", name, front, back)
			}
			if ratio := (max(a, b) + 0.05) / (min(a, b) + 0.05); ratio < least {
				t.Errorf("%s: %s on %s has a contrast of %.2f, less than %v", name, front, back, ratio, least)
			}
		}
		for _, front := range []string{"front", "quiet", "link", "good", "bad", "mild"} {
			want(front, "back", 4.5)
			want(front, "field", 4.5)
		}
		want("back", "link", 4.5) // the main button
		want("front", "add", 4.5)
		want("front", "del", 4.5)
		want("focus", "back", 3)
		want("quiet", "field", 3) // borders of fields
	}
}

func luminance(t *testing.T, hex string) float64 {
	t.Helper()
	sum := 0.0
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		n, err := strconv.ParseUint(hex[2*i:2*i+2], 16, 8)
		if err != nil {
			t.Fatal(err)
		}
		v := float64(n) / 255
		if v <= 0.04045 {
			v /= 12.92
		} else {
			v = math.Pow((v+0.055)/1.055, 2.4)
		}
		sum += weight * v
	}
	return sum
}
