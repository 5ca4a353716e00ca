package rego

import "github.com/open-policy-agent/opa/v1/ast"

// capabilities are what policies may use: veto's own built-ins, and OPA's without those that make a verdict depend on anything but its
// inputs. A schema is fetched from no host.
func capabilities() *ast.Capabilities {
	c := ast.CapabilitiesForThisVersion()
	kept := make([]*ast.Builtin, 0, len(c.Builtins))
	for _, b := range c.Builtins {
		if removedBecause(b.Name) == "" {
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

// removedBecause says why policies may not use one of OPA's built-ins, "" when they may. time.now_ns stays: it is the frozen clock.
func removedBecause(name string) string {
	switch name {
	case "http.send", "net.lookup_ip_addr":
		return "policies have no network, so that a verdict depends on its inputs alone; give what it fetches as a data file beside the policy"
	case "opa.runtime":
		return "policies see neither environment nor configuration of the machine; use a parameter (METADATA custom.params)"
	case "graph.reachable_paths":
		return "there may be more paths than a machine can list, and nothing can interrupt it; graph.reachable gives the nodes that they lead to"
	case "rand.intn", "uuid.rfc4122":
		return "policies have no randomness, so that the same input gives the same verdict"
	case "io.jwt.encode_sign", "io.jwt.encode_sign_raw":
		return "signing is random, and policies have no randomness"
	case "crypto.x509.parse_and_verify_certificates", "crypto.x509.parse_and_verify_certificates_with_options":
		return "it reads the machine's clock, and policies have the run's frozen clock only; " +
			"parse the certificates and compare their dates with input.now"
	}
	return ""
}
