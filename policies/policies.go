// Package policies is the Rego library that veto ships, with its tests and the schema of the input that policies see.
package policies

import (
	"embed"
	"io/fs"
)

// library names each policy, because a pattern would embed their tests too. A test compares the list with the folder.
//
//go:embed veto/assessment.rego veto/config.rego veto/database.rego veto/inventory.rego
//go:embed veto/os.rego veto/secrets.rego veto/vulnerabilities.rego
var library embed.FS

//go:embed veto/*.rego
var tests embed.FS

//go:embed schema/input.json
var inputSchema []byte

// Library has the default policies, files "veto/SUBJECT.rego", without their tests.
func Library() fs.FS { return library }

// Tests has the default policies and their tests, "veto/SUBJECT_test.rego".
func Tests() fs.FS { return tests }

// InputSchema is the JSON schema (draft 2020-12) of what policies see as `input`. The caller gets a copy.
func InputSchema() []byte { return append([]byte(nil), inputSchema...) }
