package config

import "github.com/knadh/koanf/v2"

type koanfTree = *koanf.Koanf

// Koanf returns the resolved configuration as a koanf instance with "." as delimiter, for application code that reads keys
// of its own. Keys are spelled as their highest source spells them. Values whose placeholders cannot be resolved stay as
// they are. It is built when first asked for, and anew after a reload; koanf itself keeps neither order nor origin, which is why the sources above
// it are ours.
func (c *Config) Koanf() *koanf.Koanf {
	now := c.state.Load()
	now.koanf.Do(func() {
		now.tree = koanf.New(".")
		r := c.resolver()
		for _, key := range c.Keys("") {
			value, set, err := r.value(key)
			if err != nil {
				value, set = c.Raw(key)
			}
			if set {
				_ = now.tree.Set(key, value) // fails for a strict merge only, which this is not
			}
		}
	})
	return now.tree
}
