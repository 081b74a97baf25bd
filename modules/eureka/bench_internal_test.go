//go:build unix

package eureka

import (
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/internal/wire"
)

func BenchmarkDelta(b *testing.B) {
	f, err := os.Open("../../scripts/benchmarks/testdata/registry-10000.json.gz")
	if err != nil {
		b.Skip(err)
	}
	z, _ := gzip.NewReader(f)
	data, _ := io.ReadAll(z)
	all, _ := DecodeApplications(data)
	t := translation{names: &spellings{}}
	before := t.full(all, nil, time.Now())
	b.Run("decode", func(b *testing.B) {
		inCPU(b, func() { _, _ = DecodeApplications(data) })
	})
	b.Run("full", func(b *testing.B) {
		for b.Loop() {
			t.full(all, before, time.Now())
		}
	})
	for _, spread := range []int{2, 100} {
		for _, same := range []bool{true, false} {
			changes := &Applications{Applications: make([]Application, spread)}
			for n := range 100 {
				app, to := all.Applications[n%spread], &changes.Applications[n%spread]
				i := *app.Instances[(n/spread+n%spread*7)%len(app.Instances)]
				i.Action = wire.Modified
				if !same {
					i.Status, i.LastDirty = discovery.Down, i.LastDirty+1
				}
				to.Name, to.Instances = app.Name, append(to.Instances, &i)
			}
			b.Run(fmt.Sprint("delta over ", spread, " apps same ", same), func(b *testing.B) {
				inCPU(b, func() { t.delta(changes, before, time.Now()).hash() })
			})
		}
	}
}

// inCPU measures by the processor time that is used, collecting the garbage included, which what else runs on the machine does not lengthen.
func inCPU(b *testing.B, do func()) {
	b.ReportAllocs()
	began := used(b)
	for b.Loop() {
		do()
	}
	b.ReportMetric(float64(used(b)-began)/float64(b.N), "cpu-ns/op")
}

// used returns the nanoseconds of CPU that this process took, which what else runs on the machine does not lengthen.
func used(b *testing.B) int64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return usage.Utime.Nano() + usage.Stime.Nano()
}
