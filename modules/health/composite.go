package health

import "context"

// NewComposite returns an indicator that is made of parts and is as well as the worst of them (Spring: CompositeHealthContributor).
func NewComposite(name string, parts ...Indicator) Indicator {
	return NewIndicator(name, func(ctx context.Context) Result {
		all := Result{Components: make(map[string]Result, len(parts))}
		statuses := make([]Status, len(parts))
		for i, part := range parts {
			result := safely(ctx, part)
			all.Components[part.Name()], statuses[i] = result, result.Status
		}
		all.Status = StatusConfig{}.worst(statuses)
		return all
	})
}
