package wire_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/internal/wire"
)

// estate returns a registry of that many instances, fifty in each application, each with six entries of metadata.
func estate(instances int) *wire.Applications {
	all := &wire.Applications{Version: "1", Hash: fmt.Sprintf("UP_%d_", instances)}
	for n := range instances {
		if n%50 == 0 {
			all.Applications = append(all.Applications, wire.Application{Name: fmt.Sprintf("SERVICE-%d", n/50)})
		}
		app := &all.Applications[n/50]
		i := wire.NewInstance()
		i.App, i.HostName, i.IPAddr, i.VIPAddress = app.Name, fmt.Sprintf("node-%d.test", n), fmt.Sprintf("127.0.%d.%d", n/250, n%250), fmt.Sprintf("service-%d", n/50)
		i.InstanceID, i.Port.Number, i.DataCenter.Name = i.HostName+":8080", 20_000+n, wire.MyOwn
		i.HomePageURL, i.HealthCheckURL = "http://"+i.HostName+"/", "http://"+i.HostName+"/actuator/health"
		i.Metadata = discovery.NewMetadata(map[string]string{
			"zone": fmt.Sprint("zone-", n%3), "version": fmt.Sprint("2.0.", n%9), "weight": "1", "profile": "production", "git.commit": fmt.Sprintf("%07x", n), "management.port": "8081",
		})
		app.Instances = append(app.Instances, i)
	}
	return all
}

func TestDecodingAllocatesOncePerTenInstancesAtMost(t *testing.T) {
	const instances = 2000
	for _, format := range []wire.Format{wire.JSON, wire.XML} {
		document := format.AppendApplications(nil, estate(instances))
		allocations := testing.AllocsPerRun(5, func() {
			all, err := format.DecodeApplications(document)
			require.NoError(t, err)
			require.Len(t, all.Applications, instances/50)
		})
		require.LessOrEqual(t, allocations, float64(instances/10), format.ContentType())
	}
}

func TestDecodingARegistrationAllocatesFourTimesAtMost(t *testing.T) {
	document := wire.JSON.AppendInstance(nil, estate(1).Applications[0].Instances[0])
	least := math.Inf(1)
	for range 50 { // the race detector empties pools now and then
		least = min(least, testing.AllocsPerRun(1, func() {
			i, err := wire.DecodeInstance(document)
			require.NoError(t, err)
			require.Len(t, i.Metadata, 6)
		}))
	}
	require.LessOrEqual(t, least, 4.0) // the instance, its metadata, its texts, and a part of what is cut into pieces
}

func TestAnInstanceStaysAsItIsWhateverIsDecodedAfterIt(t *testing.T) {
	var read []*wire.Instance
	var want []string
	for _, app := range estate(500).Applications {
		for _, i := range app.Instances {
			document := wire.JSON.AppendInstance(nil, i)
			want = append(want, string(document))
			again, err := wire.DecodeInstance(document)
			require.NoError(t, err)
			read = append(read, again)
			_, err = wire.DecodeInstance(document[:len(document)/2])
			require.Error(t, err)
			clear(document) // a server reads the next one into the same buffer
		}
	}
	for n, i := range read {
		require.Equal(t, want[n], string(wire.JSON.AppendInstance(nil, i)))
	}
}
