package verify

import _ "embed"

//go:embed schema.json
var schema []byte

// Schema is the JSON Schema (draft 2020-12) of the document that this package
// writes and reads. The bytes must not be changed.
func Schema() []byte { return schema }
