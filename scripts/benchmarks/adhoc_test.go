package main

import ("testing";"os";"os/exec";"time";"fmt")

func TestAdhoc(t *testing.T) {
	out, err := exec.Command("go","build","-o","/tmp/h9-server","../../examples/eureka-server").CombinedOutput()
	if err != nil { t.Fatal(string(out)) }
	f,_ := os.Create("/tmp/h9-gc.log"); os.Setenv("GODEBUG","gctrace=1"); serverStderr = f; s := startServer("/tmp/h9-server"); defer s.stop()
	fmt.Println("ready", s.ready)
	e := newEstate()
	began := time.Now(); c := s.cpu()
	parallel(len(e.paths), func(i int) { e.register(s, i) })
	fmt.Println("first registration", (s.cpu()-c)/10000, time.Since(began), "rss", s.resident()>>20)
	c = s.cpu(); s.fetch("apps/"); fmt.Println("first fetch", s.cpu()-c)
	fmt.Println("heartbeat", s.perRequest(20000, func(i int) { e.heartbeat(s, i%10000) }))
	fmt.Println("register", s.perRequest(10000, func(i int) { e.register(s, i%10000) }))
	fmt.Println("full gz", s.perRequest(1000, func(i int) { s.fetch("apps/") }))
	fmt.Println("rss", s.resident()>>20)
	time.Sleep(3*time.Second)
	fmt.Println("delta", s.perRequest(10000, func(i int) { s.fetch("apps/delta") }))
	c = s.cpu(); time.Sleep(15*time.Second)
	fmt.Println("rss", s.resident()>>20)
}
