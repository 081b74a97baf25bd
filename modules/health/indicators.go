package health

import (
	"context"
	"path/filepath"
)

// ping is UP whenever somebody can ask.
func ping() Indicator {
	return NewIndicator("ping", func(context.Context) Result { return Result{Status: Up} })
}

// diskSpace is DOWN when little space is left where a path is.
func diskSpace(cfg DiskSpace) Indicator {
	return NewIndicator("diskSpace", func(context.Context) Result {
		path, err := filepath.Abs(cfg.Path)
		if err != nil {
			path = cfg.Path
		}
		details := map[string]any{"threshold": int64(cfg.Threshold), "path": path, "exists": true}
		total, free, err := space(path)
		if err != nil {
			details["exists"], details["error"] = false, err.Error()
			return Result{Status: Down, Details: details}
		}
		details["total"], details["free"] = total, free
		if free < uint64(cfg.Threshold) {
			return Result{Status: Down, Details: details}
		}
		return Result{Status: Up, Details: details}
	})
}
