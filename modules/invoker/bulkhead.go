package invoker

import (
	"net/http"
	"sync"
)

// inside gives up a call's place in the bulkhead of its service, which leave does, when the call and the body of its answer have
// ended.
func inside(response *http.Response, err error, leave func()) (*http.Response, error) {
	if leave == nil {
		return response, err
	}
	if err != nil {
		leave()
		return nil, err
	}
	if _, taken := response.Body.(*wholeBody); taken {
		leave()
		return response, nil
	}
	response.Body = &bodyThen{ReadCloser: response.Body, then: sync.OnceFunc(leave)}
	return response, nil
}
