package loadbalancer

// hash is the same in every program, which maphash is not: eight bytes at a time.
func hash(text string) uint64 {
	h := uint64(len(text))
	for ; len(text) >= 8; text = text[8:] {
		h = mix(h ^ (uint64(text[0]) | uint64(text[1])<<8 | uint64(text[2])<<16 | uint64(text[3])<<24 |
			uint64(text[4])<<32 | uint64(text[5])<<40 | uint64(text[6])<<48 | uint64(text[7])<<56))
	}
	rest := uint64(0)
	for i := range len(text) {
		rest = rest<<8 | uint64(text[i])
	}
	return mix(h ^ rest ^ 0x9e3779b97f4a7c15)
}

// mix spreads every bit over all of them (the finalizer of splitmix64).
func mix(h uint64) uint64 {
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}
