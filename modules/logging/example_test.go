package logging_test

import (
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/archimedes-go/archimedes/modules/logging"
)

func ExampleNew() {
	cfg := logging.DefaultConfig()
	cfg.Level["eureka"] = "WARN"
	var out strings.Builder
	log, levels, err := logging.New(cfg, logging.Program{Name: "orders", PID: 4711}, &out, false)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	client := log.With("logger", "eureka.client")
	client.Info("not written")
	levels.Set("eureka.client", slog.LevelInfo)
	client.Info("instance registered", "app", "ORDERS")
	_, line, _ := strings.Cut(out.String(), " ")
	fmt.Print(line)
	// Output: INFO 4711 --- [orders] eureka.client        : instance registered app=ORDERS
}
