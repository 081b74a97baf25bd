package loadbalancer_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/archimedes-go/archimedes/modules/discovery"
	"github.com/archimedes-go/archimedes/modules/loadbalancer"
)

// hinted returns six instances in zones a, a, b, b, b and none, of which the second and the third have the hint canary.
func hinted() []discovery.Instance {
	all := zoned()
	for i := 1; i <= 2; i++ {
		all[i].Metadata = discovery.NewMetadata(map[string]string{"hint": "canary"})
	}
	return all
}

// with returns a balancer over instances, configured.
func with(t testing.TB, resolver discovery.Resolver, configure func(*loadbalancer.Config)) *loadbalancer.Balancer {
	t.Helper()
	cfg := loadbalancer.DefaultConfig()
	configure(&cfg)
	require.NoError(t, cfg.Validate())
	b, err := loadbalancer.New(cfg, resolver)
	require.NoError(t, err)
	return b
}

func seenBy(t testing.TB, b *loadbalancer.Balancer, r loadbalancer.Request) map[string]bool {
	ids := map[string]bool{}
	for range 200 {
		ids[pick(t, b, r)] = true
	}
	return ids
}

func TestAHintLeadsToInstancesThatHaveIt(t *testing.T) {
	everybody := only("i0", "i1", "i2", "i3", "i4", "i5")
	header := func(value string) loadbalancer.Request {
		return loadbalancer.Request{Header: http.Header{"X-Sc-Lb-Hint": {value}}}
	}
	for name, tc := range map[string]struct {
		settings loadbalancer.Service
		request  loadbalancer.Request
		want     map[string]bool
	}{
		"none":                     {want: everybody},
		"header":                   {request: header("canary"), want: only("i1", "i2")},
		"header that nobody knows": {request: header("blue"), want: everybody},
		"header of another name": {settings: loadbalancer.Service{HintHeader: "x-version"}, request: loadbalancer.Request{Header: http.Header{"X-Version": {"canary"}}},
			want: only("i1", "i2")},
		"header no longer looked at": {settings: loadbalancer.Service{HintHeader: "x-version"}, request: header("canary"), want: everybody},
		"by default":                 {settings: loadbalancer.Service{Hint: map[string]string{"default": "canary"}}, want: only("i1", "i2")},
		"for this service":           {settings: loadbalancer.Service{Hint: map[string]string{"STOCK": "canary", "default": "blue"}}, want: only("i1", "i2")},
		"header before settings":     {settings: loadbalancer.Service{Hint: map[string]string{"default": "blue"}}, request: header("canary"), want: only("i1", "i2")},
		"of one call":                {request: loadbalancer.Request{Prefer: &loadbalancer.Preference{Hint: "canary"}}, want: only("i1", "i2")},
	} {
		t.Run(name, func(t *testing.T) {
			b := with(t, stock(hinted()...), func(c *loadbalancer.Config) { c.Clients = map[string]loadbalancer.Service{"stock": tc.settings} })
			require.Equal(t, tc.want, seenBy(t, b, tc.request))
		})
	}
}

func TestInstancesWithTheDefaultHintServeRequestsWithoutOne(t *testing.T) {
	all := hinted()
	all[4].Metadata = discovery.NewMetadata(map[string]string{"hint": "default"})
	require.Equal(t, only("i4"), seenBy(t, balancer(t, stock(all...), loadbalancer.Random), loadbalancer.Request{}))
}

func TestAHintCountsMoreThanAZoneAndSpillsOverWhenItsInstancesFail(t *testing.T) {
	b := preferring(t, "b", stock(hinted()...))
	canary := func(tried ...string) loadbalancer.Request {
		return loadbalancer.Request{Prefer: &loadbalancer.Preference{Hint: "canary"}, Tried: tried}
	}
	require.Equal(t, only("i2"), seenBy(t, b, canary()))
	require.Equal(t, only("i1"), seenBy(t, b, canary("i2")), "in another zone")
	require.Equal(t, only("i3", "i4"), seenBy(t, b, canary("i1", "i2")), "without the hint")
	require.Equal(t, only("i0", "i5"), seenBy(t, b, canary("i1", "i2", "i3", "i4")))
}

func TestACallMayPreferAZone(t *testing.T) {
	b := balancer(t, stock(zoned()...), loadbalancer.Random)
	zone := func(name string) loadbalancer.Request {
		return loadbalancer.Request{Prefer: &loadbalancer.Preference{Zone: name}}
	}
	require.Equal(t, only("i0", "i1"), seenBy(t, b, zone("a")))
	require.Equal(t, only("i5"), seenBy(t, b, zone("default")))
	require.Len(t, seenBy(t, b, zone("nowhere")), 6)
}

func TestCallsWithAHintDoNotDisturbWhereOthersStick(t *testing.T) {
	b := balancer(t, stock(hinted()...), loadbalancer.Stick)
	canary := loadbalancer.Request{Prefer: &loadbalancer.Preference{Hint: "canary"}}
	all, some := pick(t, b, loadbalancer.Request{}), pick(t, b, canary)
	for range 50 {
		require.Equal(t, all, pick(t, b, loadbalancer.Request{}))
		require.Equal(t, some, pick(t, b, canary))
	}
}

func TestHintsOfStrangersLeaveNothingBehind(t *testing.T) {
	b := balancer(t, stock(hinted()...), loadbalancer.Random)
	for i := range 1000 {
		pick(t, b, loadbalancer.Request{Header: http.Header{"X-Sc-Lb-Hint": {fmt.Sprint("stranger-", i)}}})
	}
	header := http.Header{"X-Sc-Lb-Hint": {"stranger"}}
	require.Zero(t, testing.AllocsPerRun(100, func() {
		p, _ := b.Pick(context.Background(), loadbalancer.Request{Service: "stock", Header: header})
		p.Done(loadbalancer.Outcome{})
	}))
}

func sticky(c *loadbalancer.Config) { c.Configurations = []string{"request-based-sticky-session"} }

func TestARequestThatNamesItsInstanceGoesThere(t *testing.T) {
	cookie := func(line ...string) loadbalancer.Request {
		return loadbalancer.Request{Header: http.Header{"Cookie": line}}
	}
	for name, tc := range map[string]struct {
		configure func(*loadbalancer.Config)
		request   loadbalancer.Request
		want      map[string]bool
	}{
		"cookie":                  {sticky, cookie("sc-lb-instance-id=i2"), only("i2")},
		"cookie, named in others": {sticky, cookie("x-sc-lb-instance-id=i2; y=sc-lb-instance-id=i2", "sc-lb-instance-id; sc-lb-instance-id =i1"), only("i1")},
		"cookie among others":     {sticky, cookie("a=b", `x=y; sc-lb-instance-id="i1" ; z`), only("i1")},
		"unknown instance":        {sticky, cookie("sc-lb-instance-id=gone"), only("i0", "i1", "i2")},
		"no cookie":               {sticky, cookie("other=i1"), only("i0", "i1", "i2")},
		"not configured":          {func(*loadbalancer.Config) {}, cookie("sc-lb-instance-id=i2"), only("i0", "i1", "i2")},
		"cookie of a name":        {func(c *loadbalancer.Config) { sticky(c); c.Sticky.Cookie = "node" }, cookie("node=i0"), only("i0")},
		"header":                  {func(c *loadbalancer.Config) { c.Sticky.Header = "x-node" }, loadbalancer.Request{Header: http.Header{"X-Node": {"i0"}}}, only("i0")},
		"of one call":             {func(*loadbalancer.Config) {}, loadbalancer.Request{Prefer: &loadbalancer.Preference{Instance: "i1"}}, only("i1")},
		"that was tried":          {sticky, loadbalancer.Request{Header: http.Header{"Cookie": {"sc-lb-instance-id=i2"}}, Tried: []string{"i2"}}, only("i0", "i1")},
		"in one service alone": {func(c *loadbalancer.Config) {
			c.Clients = map[string]loadbalancer.Service{"stock": {Configurations: []string{"request-based-sticky-session"}}}
		}, cookie("sc-lb-instance-id=i2"), only("i2")},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, tc.want, seenBy(t, with(t, stock(of(3)...), tc.configure), tc.request))
		})
	}
}

func TestANamedInstanceOfAnotherZoneGetsTheCall(t *testing.T) {
	b := preferring(t, "a", stock(zoned()...))
	r := loadbalancer.Request{Prefer: &loadbalancer.Preference{Instance: "i4"}}
	require.Equal(t, only("i4"), seenBy(t, b, r))
	r.Tried = []string{"i0"}
	require.Equal(t, only("i4"), seenBy(t, b, r))
	r.Tried = []string{"i4"}
	require.Equal(t, only("i0", "i1"), seenBy(t, b, r))
}

func TestANamedInstanceThatIsEjectedIsAvoided(t *testing.T) {
	b := balancer(t, stock(of(3)...), loadbalancer.Random)
	fail(t, b, "i1", 5, refused)
	require.Equal(t, only("i0", "i2"), seenBy(t, b, loadbalancer.Request{Prefer: &loadbalancer.Preference{Instance: "i1"}}))
}

// subsetting is configured for one of many callers.
func subsetting(caller string, size int) func(*loadbalancer.Config) {
	return func(c *loadbalancer.Config) {
		c.Configurations, c.Subset = []string{"subset"}, loadbalancer.Subset{InstanceID: caller, Size: size}
	}
}

func TestASubsetIsTheSameWhateverTheOrderAndFollowsTheCaller(t *testing.T) {
	all := of(50)
	mine := seenBy(t, with(t, stock(all...), subsetting("me", 5)), loadbalancer.Request{})
	require.Len(t, mine, 5)
	rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	require.Equal(t, mine, seenBy(t, with(t, stock(all...), subsetting("me", 5)), loadbalancer.Request{}))
	require.NotEqual(t, mine, seenBy(t, with(t, stock(all...), subsetting("you", 5)), loadbalancer.Request{}))
}

func TestASubsetChangesByOneWhenOneOfItLeaves(t *testing.T) {
	all := of(50)
	before := seenBy(t, with(t, stock(all...), subsetting("me", 5)), loadbalancer.Request{})
	for i := range all {
		after := seenBy(t, with(t, stock(append(append([]discovery.Instance{}, all[:i]...), all[i+1:]...)...), subsetting("me", 5)), loadbalancer.Request{})
		kept := 0
		for id := range before {
			if after[id] {
				kept++
			}
		}
		if before[all[i].ID] {
			require.Equal(t, 4, kept)
		} else {
			require.Equal(t, before, after)
		}
	}
}

func TestSubsetsOfManyCallersShareTheInstances(t *testing.T) {
	callers := map[string]int{}
	for c := range 200 {
		for id := range seenBy(t, with(t, stock(of(20)...), subsetting(fmt.Sprint("caller-", c), 5)), loadbalancer.Request{}) {
			callers[id]++
		}
	}
	require.Len(t, callers, 20)
	for id, n := range callers {
		require.InDelta(t, 50, n, 30, id)
	}
}

func TestACallSpillsOverFromItsSubset(t *testing.T) {
	b := with(t, stock(of(4)...), subsetting("me", 2))
	mine := seenBy(t, b, loadbalancer.Request{})
	require.Len(t, mine, 2)
	var tried []string
	for id := range mine {
		tried = append(tried, id)
	}
	others := seenBy(t, b, loadbalancer.Request{Tried: tried})
	require.Len(t, others, 2)
}

func TestSpringsWordsForTwoStrategies(t *testing.T) {
	all := of(2)
	all[1].Metadata = discovery.NewMetadata(map[string]string{"weight": "1000000"})
	require.Equal(t, only("i1"), seenBy(t, with(t, stock(all...), func(c *loadbalancer.Config) { c.Configurations = []string{"weighted"} }), loadbalancer.Request{}))
	require.Len(t, seenBy(t, with(t, stock(all...), func(c *loadbalancer.Config) { c.Configurations = []string{"same-instance-preference"} }), loadbalancer.Request{}), 1)
}

func TestTheKeyOfARequestMayBeAHeaderOrACookie(t *testing.T) {
	byKey := func(h loadbalancer.HashKey) *loadbalancer.Balancer {
		return with(t, stock(of(20)...), func(c *loadbalancer.Config) { c.Strategy, c.ConsistentHash = loadbalancer.ConsistentHash, h })
	}
	want := pick(t, byKey(loadbalancer.HashKey{}), loadbalancer.Request{Key: "customer-7"})
	require.Equal(t, only(want), seenBy(t, byKey(loadbalancer.HashKey{Header: "x-customer"}), loadbalancer.Request{Header: http.Header{"X-Customer": {"customer-7"}}}))
	require.Equal(t, only(want), seenBy(t, byKey(loadbalancer.HashKey{Cookie: "customer"}), loadbalancer.Request{Header: http.Header{"Cookie": {"a=b; customer=customer-7"}}}))
	require.Equal(t, only(want), seenBy(t, byKey(loadbalancer.HashKey{Header: "x-customer"}), loadbalancer.Request{Key: "customer-7", Header: http.Header{"X-Customer": {"other"}}}), "the call's own counts")
}
