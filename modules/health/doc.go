// Package health answers whether a program works: one status made of many indicators, and the two states that an
// orchestrator asks for, liveness and readiness.
//
// An indicator is a name and a check:
//
//	fx.Provide(health.AsIndicator(func(db *sql.DB) health.Indicator {
//		return health.NewIndicator("db", func(ctx context.Context) health.Result {
//			return health.FromError(db.PingContext(ctx))
//		})
//	}))
//
// Names and rules are Spring Boot's: the worst status of all indicators counts, groups such as readiness have a path of
// their own, DOWN and OUT_OF_SERVICE answer 503.
//
//	management.endpoint.health:
//	  show-details: always                       # never (default), always
//	  group.readiness.include: [readinessState, db]
package health
