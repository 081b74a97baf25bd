package invoker

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// retryAfter is for how long a 429 or 503 asks to be left alone: in seconds, or until a date by the instance's own clock (RFC
// 9110, 10.2.3). 0 when it does not, or in words that mean nothing.
func retryAfter(response *http.Response) time.Duration {
	if response.StatusCode != http.StatusServiceUnavailable && response.StatusCode != http.StatusTooManyRequests {
		return 0
	}
	text := strings.TrimSpace(response.Header.Get("Retry-After"))
	if text == "" {
		return 0
	}
	if strings.Trim(text, "0123456789") == "" {
		seconds, err := strconv.Atoi(text)
		if err != nil || seconds > math.MaxInt32 {
			seconds = math.MaxInt32 // the balancer has a bound of its own
		}
		return time.Duration(seconds) * time.Second
	}
	until, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	now, err := http.ParseTime(response.Header.Get("Date"))
	if err != nil {
		now = time.Now()
	}
	return max(until.Sub(now), 0)
}
