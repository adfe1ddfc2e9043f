package publish_test

import "syscall"

// umask sets the file mode mask of the process until restore is called.
func umask(mask int) (restore func()) {
	old := syscall.Umask(mask)
	return func() { syscall.Umask(old) }
}
