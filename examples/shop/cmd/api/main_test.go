package main

import (
	"net/http/httptest"
	"testing"
)

func TestGoods(t *testing.T) {
	h, err := handler()
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/goods", nil))
	if want := "tea 4.50 EUR\nteapot 29.00 EUR\ncup 7.95 EUR\n"; w.Body.String() != want {
		t.Errorf("got %q, want %q", w.Body, want)
	}
}
