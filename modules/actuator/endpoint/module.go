package endpoint

import "go.uber.org/fx"

// As marks a constructor of an [Endpoint] as part of the actuator.
func As(constructor any) any {
	return fx.Annotate(constructor, fx.ResultTags(`group:"actuator.endpoints"`))
}
