package verify_test

import (
	"testing"

	"github.com/pikasTech/agentrun/lane/verify"
)

func BenchmarkJudge(b *testing.B) {
	e := accepted(b)
	for b.Loop() {
		if !verify.Judge(e).Accepted {
			b.Fatal("not accepted")
		}
	}
}
