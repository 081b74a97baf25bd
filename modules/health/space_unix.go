//go:build unix

package health

import "golang.org/x/sys/unix"

// space returns the bytes in all and those free to this user where a path is.
func space(path string) (total, free uint64, err error) {
	var s unix.Statfs_t
	if err := unix.Statfs(path, &s); err != nil {
		return 0, 0, err
	}
	return s.Blocks * uint64(s.Bsize), s.Bavail * uint64(s.Bsize), nil
}
