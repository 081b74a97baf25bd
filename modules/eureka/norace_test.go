//go:build !race

package eureka_test

const raceDetector = false
