//go:build !linux

package main

import (
	"errors"
	"os"
)

func stopProcess(*os.Process) error { return errors.ErrUnsupported }

func vanish() (string, error) { return "", errors.ErrUnsupported }
