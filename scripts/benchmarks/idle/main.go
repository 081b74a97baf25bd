// Command idle prints how much processor time a client of Eureka takes in a second in which its program does nothing, as
// nanoseconds: one of ours, or fargo as its users run it. Looks and heartbeats come every three seconds, ten times as often as usual.
package main

import (
	"context"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/hudl/fargo"
	"github.com/op/go-logging"

	"github.com/archimedes-go/archimedes/config"
	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/eureka"
)

const (
	pace    = 3 * time.Second
	settle  = 4 * time.Second // in which the first full fetch is done
	measure = 20 * time.Second
)

func main() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	start := ours
	if os.Args[1] == "fargo" {
		start = fargos
	}
	check(start(ctx, os.Args[2]))
	time.Sleep(settle)
	before, began := used(), time.Now()
	time.Sleep(measure)
	fmt.Println(int64(float64(used()-before) / time.Since(began).Seconds()))
}

func ours(ctx context.Context, server string) error {
	cfg := eureka.DefaultClientConfig()
	cfg.ServiceURL = map[string]config.Secret{"defaultZone": config.Secret(server + "/eureka/")}
	cfg.FetchInterval = pace
	own := eureka.DefaultInstanceConfig()
	own.RenewInterval, own.LeaseDuration = pace, 3*pace
	client, err := eureka.NewClient(cfg)
	if err != nil {
		return err
	}
	replica := eureka.NewReplica(client, cfg)
	registrar := eureka.NewRegistrar(client, own, func(at discovery.Address) *eureka.Instance {
		i := eureka.NewInstance()
		i.App, i.InstanceID, i.HostName, i.IPAddr, i.VIPAddress = "IDLE", "idle", at.Host, at.Host, "idle"
		i.Port.Number, i.DataCenter.Name, i.Lease.Duration = at.Port, "MyOwn", int(own.LeaseDuration.Seconds())
		return i
	})
	go func() { _ = replica.Run(ctx) }()
	go func() { _ = registrar.Run(ctx) }()
	go func() { _ = registrar.Follow(ctx, replica) }()
	registrar.Up(discovery.Address{Host: "127.0.0.1", Port: 1})
	return registrar.Await(ctx)
}

func fargos(_ context.Context, server string) error {
	logging.SetLevel(logging.ERROR, "fargo")
	connection := fargo.NewConn(server + "/eureka")
	connection.UseJson = true
	own := &fargo.Instance{
		App: "IDLE", InstanceId: "idle", HostName: "127.0.0.1", IPAddr: "127.0.0.1", VipAddress: "idle", Port: 1, PortEnabled: true,
		Status: fargo.UP, DataCenterInfo: fargo.DataCenterInfo{Name: fargo.MyOwn},
	}
	if err := connection.RegisterInstance(own); err != nil {
		return err
	}
	go func() {
		for {
			_, err := connection.GetApps()
			check(err)
			check(connection.HeartBeatInstance(own))
			time.Sleep(pace)
		}
	}()
	return nil
}

// used returns the processor time of this process so far.
func used() time.Duration {
	var usage syscall.Rusage
	check(syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
