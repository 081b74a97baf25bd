package eureka_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/archimedes-go/archimedes/modules/discovery"
)

const well = `{"instanceId":"well","hostName":"good","app":"STOCK","ipAddr":"127.0.0.1","status":"UP","port":{"$":1,"@enabled":"true"},"vipAddress":"stock","dataCenterInfo":{"@class":"x","name":"MyOwn"}}`

// registryOf is a document of one application with instances.
func registryOf(instances ...string) string {
	return `{"applications":{"versions__delta":"1","apps__hashcode":"x","application":[{"name":"STOCK","instance":[` + strings.Join(instances, ",") + `]}]}}`
}

// odd is [well] as another instance, with members put in front or replaced.
func odd(t *testing.T, members string) string {
	t.Helper()
	var all map[string]any
	require.NoError(t, json.Unmarshal([]byte(well), &all))
	all["instanceId"] = "odd"
	changes := map[string]any{}
	require.NoError(t, json.Unmarshal([]byte("{"+members+"}"), &changes), members)
	for key, value := range changes {
		if all[key] = value; value == "ABSENT" {
			delete(all, key)
		}
	}
	text, err := json.Marshal(all)
	require.NoError(t, err)
	return string(text)
}

// contents is the second table of README.md: what a registry says of an instance, and what callers then see of it.
var contents = []struct {
	content string
	body    func(t *testing.T) string
	sees    string // of the odd one; the one that is well is always there, unless the answer is refused
}{
	{"port as object, text or number", func(t *testing.T) string {
		return registryOf(well, odd(t, `"instanceId":"p1","port":{"$":"81","@enabled":true}`), odd(t, `"instanceId":"p2","port":82`), odd(t, `"instanceId":"p3","port":"83"`), odd(t, `"instanceId":"p4","port":{"@enabled":"true","$":84}`))
	}, "p1 UP good:81, p2 UP good:82, p3 UP good:83, p4 UP good:84"},
	{"port that is no number", func(t *testing.T) string { return registryOf(well, odd(t, `"port":{"$":"http","@enabled":"true"}`)) }, "odd UP without an address"},
	{"port out of range", func(t *testing.T) string { return registryOf(well, odd(t, `"port":{"$":99999,"@enabled":"true"}`)) }, "odd UP without an address"},
	{"no port", func(t *testing.T) string { return registryOf(well, odd(t, `"port":"ABSENT"`)) }, "odd UP good:7001"},
	{"unknown data centre", func(t *testing.T) string {
		return registryOf(well, odd(t, `"dataCenterInfo":{"name":"Moon","@class":"com.example.Moon","metadata":{"crater":{"deep":[1,2]}}}`))
	}, "odd UP good:1"},
	{"unknown status", func(t *testing.T) string { return registryOf(well, odd(t, `"status":"SLEEPING"`)) }, "odd UNKNOWN good:1"},
	{"no status", func(t *testing.T) string { return registryOf(well, odd(t, `"status":"ABSENT"`)) }, "odd UP good:1"},
	{"no instance id", func(t *testing.T) string { return registryOf(well, odd(t, `"instanceId":"ABSENT"`)) }, "good UP good:1"},
	{"no instance id and no host", func(t *testing.T) string {
		return registryOf(well, odd(t, `"instanceId":"ABSENT","hostName":"ABSENT","ipAddr":"ABSENT"`))
	}, "nothing"},
	{"null for metadata", func(t *testing.T) string { return registryOf(well, odd(t, `"metadata":null`)) }, "odd UP good:1"},
	{"null for everything", func(t *testing.T) string { return registryOf(well, `null`, `{"instanceId":null,"port":null}`) }, "nothing"},
	{"metadata with @class and with values that are no text", func(t *testing.T) string {
		return registryOf(well, odd(t, `"metadata":{"@class":"java.util.Collections$EmptyMap","weight":10,"deep":{"a":[true,null]}}`))
	}, "odd UP good:1"},
	{"one id twice", func(t *testing.T) string {
		return registryOf(well, odd(t, `"port":{"$":1,"@enabled":"true"}`), odd(t, `"port":{"$":2,"@enabled":"true"}`))
	}, "odd UP good:2"},
	{"a single object for an array", func(*testing.T) string {
		return `{"applications":{"application":{"name":"STOCK","instance":` + well + `}}}`
	}, "nothing"},
	{"several VIPs, and names in another case", func(t *testing.T) string {
		return registryOf(well, odd(t, `"app":"stock","vipAddress":"other, Stock ,third"`))
	}, "odd UP good:1"},
	{"IPv6", func(t *testing.T) string { return registryOf(well, odd(t, `"hostName":"::1","ipAddr":"::1"`)) }, "odd UP [::1]:1"},
	{"CR and LF in a host", func(t *testing.T) string { return registryOf(well, odd(t, `"hostName":"a\r\nX-Evil: 1"`)) }, "odd UP 127.0.0.1:1"},
	{"CR and LF in metadata", func(t *testing.T) string { return registryOf(well, odd(t, `"metadata":{"a":"b\r\nc"}`)) }, "odd UP good:1"},
	{"metadata of 1 MB", func(t *testing.T) string {
		return registryOf(well, odd(t, `"metadata":{"big":"`+strings.Repeat("x", 1<<20)+`"}`))
	}, "odd UP good:1"},
	{"times as text and as numbers", func(t *testing.T) string {
		return registryOf(well, odd(t, `"instanceId":"t1","lastDirtyTimestamp":"1700000000000","lastUpdatedTimestamp":1700000000000`), odd(t, `"instanceId":"t2","lastDirtyTimestamp":"yesterday"`))
	}, "t1 UP good:1, t2 UP good:1"},
	{"nesting of 100,000 levels", func(*testing.T) string {
		return registryOf(well, `{"instanceId":"odd","x":`+strings.Repeat("[", 100_000)+strings.Repeat("]", 100_000)+`}`)
	}, "the answer is refused"},
	{"invalid UTF-8", func(*testing.T) string {
		return registryOf(well, strings.Replace(well, `"well"`, "\"odd\",\"metadata\":{\"a\":\"\xff\"}", 1))
	}, "odd UP good:1"},
	{"XML instead of JSON", func(*testing.T) string {
		return `<applications><versions__delta>1</versions__delta><application><name>STOCK</name><instance><instanceId>well</instanceId><hostName>good</hostName><app>STOCK</app><status>UP</status><port enabled="true">1</port><vipAddress>stock</vipAddress></instance><instance><instanceId>odd</instanceId><hostName>good</hostName><app>STOCK</app><status>UP</status><port enabled="true">2</port><vipAddress>stock</vipAddress></instance></application></applications>`
	}, "odd UP good:2"},
	{"XML with an entity bomb", func(*testing.T) string {
		return `<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><applications><application><name>&b;</name></application></applications>`
	}, "the answer is refused"},
	{"a proxy's page", func(*testing.T) string { return `<html><body>welcome</body></html>` }, "the answer is refused"},
	{"JSON of something else", func(*testing.T) string { return `{"timestamp":"now","status":200,"path":"/eureka/apps/"}` }, "the answer is refused"},
	{"half a document", func(*testing.T) string { return registryOf(well)[:200] }, "the answer is refused"},
}

// seen runs a replica on one document and returns what it shows beside the instance that is well.
func seen(t *testing.T, body string) string {
	t.Helper()
	var shown string
	synctest.Test(t, func(t *testing.T) {
		e := newEstate()
		e.break_(func(*http.Request) (*http.Response, error) {
			r := answer(body)
			if strings.HasPrefix(body, "<") {
				r.Header.Set("Content-Type", "application/xml")
			}
			return r, nil
		})
		replica := replicating(t, e)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		set, err := replica.Instances(ctx, "stock")
		if err != nil {
			shown = "the answer is refused"
			return
		}
		require.NotNil(t, set.ByID("well"), "one odd instance costs itself only")
		require.Equal(t, "good:1", set.ByID("well").Address)
		var all []string
		for _, i := range set.All {
			if i.ID != "well" {
				all = append(all, fmt.Sprintf("%s %v %s", i.ID, i.Status, cmp.Or(i.Address, "without an address")))
			}
		}
		if shown = strings.Join(all, ", "); shown == "" {
			shown = "nothing"
		}
	})
	return shown
}

func TestOddContentCostsItselfOnly(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	for _, c := range contents {
		t.Run(c.content, func(t *testing.T) {
			require.Equal(t, c.sees, seen(t, c.body(t)))
			require.Contains(t, string(readme), "| "+c.content+" | "+c.sees+" |\n", "README.md has this row")
		})
	}
}

func TestDeltasOutOfOrderAndOfWhatIsUnknownEndInTheServersView(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEstate()
		listed(t, e, "stock", "a", nil)
		replica := replicating(t, e)
		synctest.Wait()
		e.break_(func(r *http.Request) (*http.Response, error) {
			if strings.HasSuffix(r.URL.Path, "/delta") {
				deleted := strings.Replace(well, `"well"`, `"never-seen","actionType":"DELETED"`, 1)
				old := strings.Replace(well, `"well"`, `"a","actionType":"MODIFIED","lastUpdatedTimestamp":"1"`, 1)
				return answer(`{"applications":{"versions__delta":"1","apps__hashcode":"UP_1_","application":[{"name":"STOCK","instance":[` + deleted + "," + old + `]},{"name":"GONE","instance":[` + deleted + `]}]}}`), nil
			}
			return nil, nil
		})
		time.Sleep(31 * time.Second)
		set := mustSet(t, replica, "stock")
		require.Len(t, set.All, 1)
		require.Equal(t, []string{"stock"}, replica.Services())
		require.Equal(t, discovery.Up, set.All[0].Status)
	})
}

func TestAnEmptyRegistryAfterAFullOneIsBelievedWhenItIsRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEstate()
		listed(t, e, "stock", "a", nil)
		replica := replicating(t, e)
		synctest.Wait()
		e.break_(func(*http.Request) (*http.Response, error) {
			return answer(`{"applications":{"versions__delta":"1","apps__hashcode":"","application":[]}}`), nil
		})
		time.Sleep(31 * time.Second)
		require.Len(t, mustSet(t, replica, "stock").All, 1)
		time.Sleep(30 * time.Second)
		_, err := replica.Instances(t.Context(), "stock")
		require.ErrorAs(t, err, new(*discovery.UnknownServiceError))
	})
}

func TestFiftyThousandInstancesAreReadAndFollowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEstate()
		for n := range 50_000 {
			listed(t, e, fmt.Sprintf("service-%d", n/100), fmt.Sprint("i", n), nil)
		}
		replica := replicating(t, e)
		synctest.Wait()
		require.Len(t, replica.Services(), 500)
		require.NoError(t, e.registry.Cancel("service-7", "i700"))
		time.Sleep(31 * time.Second)
		require.Len(t, mustSet(t, replica, "service-7").All, 99)
		require.Equal(t, 1, strings.Count(strings.Join(e.requests(), "\n")+"\n", "GET apps/\n"))
	})
}
