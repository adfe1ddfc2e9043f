package runner

import "regexp"

// escapes are the sequences by which a terminal is told colours and the like.
var escapes = regexp.MustCompile(`\x1b(\[[0-9;?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)?|[@-Z\\-_])`)

func plain(b []byte) []byte { return escapes.ReplaceAll(b, nil) }
