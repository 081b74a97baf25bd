package discovery_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/fx"
	"go.uber.org/fx/fxtest"

	"github.com/archimedes-go/archimedes/config/configtest"
	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/lifecycle"
)

func ExampleStatic() {
	known := discovery.Static{"inventory": discovery.NewSet(discovery.Instance{Address: "10.0.0.1:8080"})}
	set, err := known.Instances(context.Background(), "INVENTORY")
	fmt.Println(set.All[0].ID, set.All[0].Status, err)
	_, err = known.Instances(context.Background(), "inventry")
	fmt.Println(err)
	// Output:
	// 10.0.0.1:8080 UP <nil>
	// discovery: unknown service "inventry" (known: inventory)
}

func TestStatusSpeaksEurekasNames(t *testing.T) {
	for _, status := range []discovery.Status{discovery.Up, discovery.Down, discovery.Starting, discovery.OutOfService, discovery.Unknown} {
		require.Equal(t, status, discovery.ParseStatus(status.String()))
	}
	require.Equal(t, discovery.Unknown, discovery.ParseStatus("up"), "the wire is case-sensitive")
	text, err := json.Marshal(discovery.OutOfService)
	require.NoError(t, err)
	require.Equal(t, `"OUT_OF_SERVICE"`, string(text))
}

func TestStatusIsReadFromSettingsInAnyCase(t *testing.T) {
	var status discovery.Status
	require.NoError(t, status.UnmarshalText([]byte("out-of-service")))
	require.Equal(t, discovery.OutOfService, status)
	require.ErrorContains(t, status.UnmarshalText([]byte("sleeping")), "OUT_OF_SERVICE")
}

func TestSetKeepsTheLaterOfTwoInstancesWithOneID(t *testing.T) {
	set := discovery.NewSet(
		discovery.Instance{ID: "a", Address: "10.0.0.1:1"}, discovery.Instance{ID: "b", Address: "10.0.0.2:1"},
		discovery.Instance{ID: "a", Address: "10.0.0.3:1"})
	require.Len(t, set.All, 2)
	require.Equal(t, "10.0.0.3:1", set.ByID("a").Address)
	require.Nil(t, set.ByID("c"))
}

func TestCompositeJoinsWhatItsMembersKnowAndKeepsTheSet(t *testing.T) {
	composite := discovery.NewComposite(
		discovery.Static{"stock": discovery.NewSet(discovery.Instance{Address: "10.0.0.1:1"})},
		discovery.Static{"stock": discovery.NewSet(discovery.Instance{Address: "10.0.0.2:1"}), "mail": discovery.NewSet()})
	first, err := composite.Instances(t.Context(), "stock")
	require.NoError(t, err)
	require.Len(t, first.All, 2)
	again, err := composite.Instances(t.Context(), "stock")
	require.NoError(t, err)
	require.Same(t, first, again)
	require.Equal(t, []string{"mail", "stock"}, composite.Services())
}

func TestCompositeNamesAllKnownServicesWhenNoMemberKnowsOne(t *testing.T) {
	composite := discovery.NewComposite(discovery.Static{"a": discovery.NewSet()}, discovery.Static{"b": discovery.NewSet()})
	_, err := composite.Instances(t.Context(), "c")
	require.ErrorIs(t, err, discovery.ErrUnknownService)
	require.ErrorContains(t, err, "known: a, b")
	_, err = discovery.NewComposite().Instances(t.Context(), "c")
	require.ErrorContains(t, err, "no service is known yet")
}

// waiting is a registry that has not been reached yet.
type waiting struct{ discovery.Static }

func (waiting) Peek(string) *discovery.Set { return nil }
func (waiting) Instances(ctx context.Context, service string) (*discovery.Set, error) {
	<-ctx.Done()
	return nil, &discovery.UnknownServiceError{Service: service}
}

func TestCompositeWaitsForNobodyWhenAnotherKnows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		composite := discovery.NewComposite(waiting{}, discovery.Static{"a": discovery.NewSet(discovery.Instance{Address: "x:1"})})
		began := time.Now()
		_, err := composite.Instances(t.Context(), "a")
		require.NoError(t, err)
		require.Zero(t, time.Since(began))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = composite.Instances(ctx, "b")
		require.ErrorIs(t, err, discovery.ErrUnknownService)
		require.Equal(t, time.Second, time.Since(began))
	})
}

func TestCompositeAsksInOrder(t *testing.T) {
	late := ordered{Static: discovery.Static{"a": discovery.NewSet(discovery.Instance{ID: "x", Address: "late:1"})}, order: 5}
	early := ordered{Static: discovery.Static{"a": discovery.NewSet(discovery.Instance{ID: "x", Address: "early:1"})}, order: -5}
	set, err := discovery.NewComposite(late, early).Instances(t.Context(), "a")
	require.NoError(t, err)
	require.Equal(t, "early:1", set.ByID("x").Address)
}

type ordered struct {
	discovery.Static
	order int
}

func (o ordered) Order() int { return o.order }

func TestModuleKnowsConfiguredInstances(t *testing.T) {
	cfg := configtest.FromYAML(t, `
spring.cloud.discovery.client.simple.instances:
  inventory:
    - uri: https://stock.example:8443
      metadata: { zone: a }
    - host: "::1"
      port: 8081
      instance-id: six
`)
	var resolver discovery.Resolver
	app := fxtest.New(t, fx.Supply(cfg), discovery.Module(cfg), fx.Populate(&resolver))
	app.RequireStart().RequireStop()
	set, err := resolver.Instances(t.Context(), "Inventory")
	require.NoError(t, err)
	require.Equal(t, "stock.example:8443", set.All[0].SecureAddress)
	require.Equal(t, "a", set.All[0].Zone)
	require.Equal(t, "[::1]:8081", set.ByID("six").Address)
}

func TestModuleReportsAnInstanceThatCannotBeCalled(t *testing.T) {
	cfg := configtest.FromYAML(t, "spring.cloud.discovery.client.simple.instances:\n  inventory:\n    - uri: nonsense\n")
	app := fx.New(fx.NopLogger, fx.Supply(cfg), discovery.Module(cfg), fx.Invoke(func(discovery.Resolver) {}))
	require.ErrorContains(t, app.Err(), `instances.inventory[0]`)
	require.ErrorContains(t, app.Err(), `"nonsense"`)
}

// recorder is a registration that writes down the steps.
type recorder struct {
	steps []string
	drain time.Duration
	began time.Time
	fail  error
}

func (r *recorder) note(step string) {
	r.steps = append(r.steps, fmt.Sprint(time.Since(r.began).Truncate(time.Second), " ", step))
}
func (r *recorder) Up(a discovery.Address)     { r.note(fmt.Sprint("up ", a.Port)) }
func (r *recorder) Down(context.Context) error { r.note("down"); return r.fail }
func (r *recorder) Drain() time.Duration       { return r.drain }
func (r *recorder) Remove(ctx context.Context) error {
	r.note("remove")
	return errors.Join(ctx.Err(), r.fail)
}

func TestLeavingGoesDownDrainsClosesAndRemoves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{drain: 5 * time.Second, began: time.Now()}
		discovery.Registrations{r}.Leave(t.Context(), slog.New(slog.DiscardHandler), func(context.Context) { r.note("close") })
		require.Equal(t, []string{"0s down", "5s close", "5s remove"}, r.steps)
	})
}

func TestLeavingKeepsTimeForTheRemovalBeforeItsDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{drain: time.Hour, began: time.Now()}
		ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
		defer cancel()
		discovery.Registrations{r}.Leave(ctx, slog.New(slog.DiscardHandler), func(ctx context.Context) { <-ctx.Done() })
		require.Equal(t, []string{"0s down", "13s remove"}, r.steps)
	})
}

func TestLeavingInAHurrySkipsTheDrainOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{drain: time.Hour, began: time.Now()}
		ctx, haste := lifecycle.WithHaste(t.Context())
		time.AfterFunc(2*time.Second, haste.Hurry)
		discovery.Registrations{r}.Leave(ctx, slog.New(slog.DiscardHandler), nil)
		require.Equal(t, []string{"0s down", "2s remove"}, r.steps)
	})
}

func TestLeavingRemovesEvenWhenItsTimeIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{drain: time.Hour, began: time.Now(), fail: errors.New("away")}
		ctx, cancel := context.WithTimeout(t.Context(), discovery.RemoveTimeout)
		defer cancel()
		discovery.Registrations{r}.Leave(ctx, slog.New(slog.DiscardHandler), nil)
		require.Equal(t, []string{"0s down", "0s remove"}, r.steps)
	})
}

// stuck never answers.
type stuck struct{ recorder }

func (s *stuck) Down(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }

func TestDownWaitsForNoRegistryLongerThanItsBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		require.ErrorIs(t, discovery.Registrations{&stuck{}, &stuck{}}.Down(t.Context()), context.DeadlineExceeded)
		require.Equal(t, discovery.DownTimeout, time.Since(began))
	})
}

func TestRootDrivesTheRegistrationsOfAProgramWithoutAListener(t *testing.T) {
	r := &recorder{began: time.Now()}
	app := fxtest.New(t, fx.Supply(slog.New(slog.DiscardHandler)),
		fx.Provide(discovery.AsRegistration(func() *recorder { return r })), discovery.Root())
	app.RequireStart().RequireStop()
	require.Equal(t, []string{"0s up 0", "0s down", "0s remove"}, r.steps)
}
