package health

import "golang.org/x/sys/windows"

// space returns the bytes in all and those free to this user where a path is.
func space(path string) (total, free uint64, err error) {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return 0, 0, err
	}
	var mine, all, rest uint64
	err = windows.GetDiskFreeSpaceEx(name, &mine, &all, &rest)
	return all, mine, err
}
