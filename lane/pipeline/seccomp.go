package pipeline

import _ "embed"

//go:embed seccomp.json
var seccomp []byte

// Seccomp is the profile for the step that builds images, as container runtimes
// read it: what ordinary programs call, and what BuildKit and runc call in a user
// namespace of their own. It keeps the step from the parts of the kernel that no
// build needs. The bytes must not be changed.
func Seccomp() []byte { return seccomp }
