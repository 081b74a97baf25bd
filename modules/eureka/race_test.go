//go:build race

package eureka_test

const raceDetector = true
