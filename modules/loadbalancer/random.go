package loadbalancer

import "math/rand/v2"

// random takes any instance, each as likely: the default.
type random struct{}

func (random) Pick(v *View, _ Request) int { return rand.IntN(v.Len()) }
