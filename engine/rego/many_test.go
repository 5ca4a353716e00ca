package rego_test

import "testing"

// A policy that has much to say: 200,000 results of one rule.
func BenchmarkManyResults(b *testing.B) {
	p := loadText(b, `package own

deny["one"] contains r if {
	some i in numbers.range(1, 200000)
	r := {"msg": sprintf("file %d", [i]), "path": sprintf("srv/%d", [i])}
}
`, nil)
	in := largeInput(1, 1)
	for b.Loop() {
		rules, err := p.Decide(b.Context(), in)
		if err != nil || len(rules[0].Results) != 200_000 {
			b.Fatal(err, len(rules[0].Results), rules[0].Note)
		}
	}
}
