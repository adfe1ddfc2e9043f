package intent

import _ "embed"

//go:embed schema.json
var schema []byte

// Schema is the JSON Schema (draft 2020-12) of an intent, as editors use it. It
// says what the form says; Parse also knows what one value means for another.
// The bytes must not be changed.
func Schema() []byte { return schema }
