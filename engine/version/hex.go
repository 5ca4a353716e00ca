package version

// parseHex accepts what Elixir's Version does: semantic versions as the specification has them, without a "v"
// (hexdocs.pm/elixir/Version.html).
func parseHex(text string) (key, error) {
	return parseSemVerParts(Hex, text, text, false)
}
