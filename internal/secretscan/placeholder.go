package secretscan

import (
	"regexp"
	"strings"
)

// placeholderWords are what documents write where a credential goes.
var placeholderWords = map[string]bool{
	"password": true, "passwd": true, "pass": true, "pwd": true, "pw": true, "secret": true, "token": true,
	"redacted": true, "example": true, "value": true, "null": true, "true": true, "false": true,
}

// placeholderForm is a variable, a template's expression, a formatting verb, a
// name in brackets, or an abbreviation. A variable with a default value is none:
// the default may be the credential.
var placeholderForm = regexp.MustCompile(`^(` +
	`\$[A-Za-z0-9_]+|\$\{[A-Za-z0-9_.]+\}|\$\([A-Za-z0-9_ ./-]+\)` +
	`|\{\{[^{}"'` + "`" + `]+\}\}|\{[A-Za-z0-9_ .-]+\}` +
	`|%[0-9\[\]+#.-]*[sqvdx]` +
	`|<[^<>]*>|\[[A-Za-z0-9_ .-]+\]?` +
	`|.{0,12}(\.\.\.|…)` +
	`)$`)

// Placeholder reports whether value only marks where a credential goes: empty, a
// variable or template, a name in brackets, an abbreviation, one character
// repeated, nothing but signs, or a word such as "password".
func Placeholder(value string) bool {
	v := strings.TrimSpace(value)
	return placeholderWords[strings.ToLower(v)] ||
		strings.Trim(v, v[:min(1, len(v))]) == "" ||
		!strings.ContainsFunc(v, alphanumeric) ||
		placeholderForm.MatchString(v)
}

func alphanumeric(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r > 127
}
