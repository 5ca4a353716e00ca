// Package policies is the Rego library that veto ships, with its tests and the schema of the input that policies see.
package policies

import (
	"embed"
	"io/fs"
)

// Named one by one, so that the tests beside them stay out of the binary; a test compares the list with the folder.
//
//go:embed veto/config.rego veto/assessment.rego veto/database.rego veto/inventory.rego veto/os.rego veto/secrets.rego veto/vulnerabilities.rego
var library embed.FS

//go:embed veto/*.rego
var tests embed.FS

//go:embed schema/input.json
var inputSchema []byte

// Library is the default policies: files "veto/SUBJECT.rego", without their tests.
func Library() fs.FS { return library }

// Tests is the default policies together with their tests, "veto/SUBJECT_test.rego".
func Tests() fs.FS { return tests }

// InputSchema is the JSON schema (draft 2020-12) of what policies see as `input`. The caller gets a copy.
func InputSchema() []byte { return append([]byte(nil), inputSchema...) }
