package metadata

import _ "embed"

var (
	//go:embed hold.schema.json
	holdSchema []byte
	//go:embed hotfix.schema.json
	hotfixSchema []byte
)

// HoldSchema is the JSON Schema (draft 2020-12) of a Hold. The bytes must not be
// changed.
func HoldSchema() []byte { return holdSchema }

// HotfixSchema is that of a Hotfix.
func HotfixSchema() []byte { return hotfixSchema }
