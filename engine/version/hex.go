package version

// parseHex reads what Elixir's Version does: semantic versions to the letter (hexdocs.pm/elixir/Version.html), without a "v".
func parseHex(text string) (key, error) {
	return semver(Hex, text, text, false)
}
