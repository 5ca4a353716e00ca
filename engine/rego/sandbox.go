package rego

import "github.com/open-policy-agent/opa/v1/ast"

// capabilities are what policies may use: OPA's built-ins without those that reach out, veto's own, and no host for what would fetch a schema.
func capabilities() *ast.Capabilities {
	c := ast.CapabilitiesForThisVersion()
	kept := make([]*ast.Builtin, 0, len(c.Builtins))
	for _, b := range c.Builtins {
		if removed(b.Name) == "" {
			kept = append(kept, b)
		}
	}
	for _, b := range builtins() {
		kept = append(kept, b.declaration())
	}
	c.Builtins = kept
	c.AllowNet = []string{} // nil would be every host
	return c
}

// removed says why a built-in is not there, "" when nobody took it away. time.now_ns stays: it is the frozen clock.
func removed(name string) string {
	switch name {
	case "http.send", "net.lookup_ip_addr":
		return "policies have no network, so that a verdict depends on its inputs alone; give what it fetches as a data file beside the policy"
	case "opa.runtime":
		return "policies see neither environment nor configuration of the machine; use a parameter (METADATA custom.params)"
	case "rand.intn", "uuid.rfc4122":
		return "policies have no randomness, so that the same input gives the same verdict"
	case "io.jwt.encode_sign", "io.jwt.encode_sign_raw":
		return "signing is random, and policies have no randomness"
	case "crypto.x509.parse_and_verify_certificates", "crypto.x509.parse_and_verify_certificates_with_options":
		return "it reads the machine's clock, and policies have the run's frozen clock only; parse the certificates and compare their dates with input.now"
	}
	return ""
}
