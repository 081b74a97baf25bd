package wire

import (
	"strconv"

	"github.com/archimedes-go/archimedes/modules/discovery"
)

// StatusCounts is how many instances have each status, indexed by [discovery.Status].
type StatusCounts [discovery.Unknown + 1]int

// byName is the statuses in the order of their names, which is the order of the hash.
var byName = [...]discovery.Status{discovery.Down, discovery.OutOfService, discovery.Starting, discovery.Unknown, discovery.Up}

// Hash returns the reconcile hash of a registry with these counts, such as "DOWN_1_UP_3_", and "" for an empty one
// (Netflix: apps__hashcode, Applications.getReconcileHashCode). It tells how many instances there are, not which.
func Hash(counts StatusCounts) string {
	var buffer [80]byte
	hash := buffer[:0]
	for _, status := range byName {
		if n := counts[status]; n > 0 {
			hash = append(hash, status.String()...)
			hash = append(hash, '_')
			hash = strconv.AppendInt(hash, int64(n), 10)
			hash = append(hash, '_')
		}
	}
	return string(hash)
}

// ReconcileHash returns the hash over all instances of a, whatever their status.
func (a *Applications) ReconcileHash() string {
	var counts StatusCounts
	for i := range a.Applications {
		for _, instance := range a.Applications[i].Instances {
			counts[min(instance.Status, discovery.Unknown)]++
		}
	}
	return Hash(counts)
}
