package loadbalancer

// random takes any instance, each as likely: the default.
type random struct{}

// Pick implements [Strategy].
func (random) Pick(v *View, _ Request) int { return anyOf(v.Len()) }
