package web

import (
	"slices"

	"github.com/labstack/echo/v4"
	"github.com/rs/cors"
)

// newCORS answers preflights and marks answers for the pages that may read them.
func newCORS(cfg CORSConfig) echo.MiddlewareFunc {
	return echo.WrapMiddleware(cors.New(cors.Options{
		AllowedOrigins:   slices.Concat(cfg.AllowedOrigins, cfg.AllowedOriginPatterns),
		AllowedMethods:   cfg.AllowedMethods,
		AllowedHeaders:   cfg.AllowedHeaders,
		ExposedHeaders:   cfg.ExposedHeaders,
		AllowCredentials: cfg.AllowCredentials,
		MaxAge:           int(cfg.MaxAge.Seconds()),
	}).Handler)
}
