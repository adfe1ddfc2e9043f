package catalog_test

import (
	"fmt"
	"testing"

	"github.com/pikasTech/agentrun/lane/catalog"
	"github.com/pikasTech/agentrun/lane/plan"
)

// BenchmarkParse reads a catalog of 1,000 services, as each promotion does.
func BenchmarkParse(b *testing.B) {
	n := shop(b)
	var services []plan.Service
	for i := range 1000 {
		services = append(services, plan.Service{ID: fmt.Sprintf("service-%04d", i), Decision: plan.Build, Identity: digest1})
	}
	c, err := catalog.Next(catalog.Empty(n, commitA, digest3), n, planOf(commitA, services...), publishedOf(n, commitA, digest1, services...))
	if err != nil {
		b.Fatal(err)
	}
	c.RenderDigest = digest2
	data, err := c.Encode()
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if _, err := catalog.Parse("catalog", data, n); err != nil {
			b.Fatal(err)
		}
	}
}
