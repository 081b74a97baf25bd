package web_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"

	"github.com/archimedes-go/archimedes/modules/web"
)

type place struct {
	Street string `json:"street" validate:"required"`
	Floor  int    `json:"floor"`
}

type order struct {
	Shop     string        `param:"shop"`
	Page     int           `query:"page" validate:"min=0"`
	Tags     []string      `query:"tag"`
	Wait     time.Duration `query:"wait"`
	Tenant   string        `header:"X-Tenant"`
	Quantity int           `json:"quantity" validate:"required,min=1,max=10"`
	Email    string        `json:"email" validate:"omitempty,email"`
	Ship     *place        `json:"ship"`
	Since    *time.Time    `json:"since"`
}

func (o *order) Validate() error {
	if o.Quantity == 7 {
		return &web.FieldFaultError{Field: "quantity", Detail: "must not be seven"}
	}
	if o.Quantity == 8 {
		return errors.New("secret rule")
	}
	return nil
}

func ordering(e *echo.Echo) {
	e.POST("/shops/:shop/orders", func(c echo.Context) error {
		in, err := web.Bind[order](c)
		if err != nil {
			return err
		}
		return c.JSON(http.StatusOK, in)
	})
}

func (s *running) post(t *testing.T, path, kind, body string, header map[string]string) (int, map[string]any) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+path, strings.NewReader(body))
	require.NoError(t, err)
	request.Header.Set("Content-Type", kind)
	for name, value := range header {
		request.Header.Set(name, value)
	}
	response, err := s.client.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	var document map[string]any
	require.NoError(t, json.Unmarshal(text, &document), string(text))
	return response.StatusCode, document
}

func TestARequestBecomesAStruct(t *testing.T) {
	s := serve(t, "", ordering)
	defer s.RequireStop()
	status, got := s.post(t, "/shops/berlin/orders?page=2&tag=a&tag=b&wait=1m", "application/json; charset=utf-8",
		`{"quantity": 3, "email": "a@b.example", "ship": {"street": "Main", "floor": 1}, "since": "2026-01-02T03:04:05Z"}`, map[string]string{"X-Tenant": "blue"})
	require.Equal(t, http.StatusOK, status, got)
	require.Equal(t, map[string]any{
		"Shop": "berlin", "Page": 2.0, "Tags": []any{"a", "b"}, "Wait": float64(time.Minute), "Tenant": "blue",
		"quantity": 3.0, "email": "a@b.example", "ship": map[string]any{"street": "Main", "floor": 1.0}, "since": "2026-01-02T03:04:05Z",
	}, got)
}

func TestEveryFaultyFieldIsListedByTheNameThatCallersKnow(t *testing.T) {
	s := serve(t, "server.max-request-body-size: 1KB", ordering)
	defer s.RequireStop()
	const path, kind = "/shops/berlin/orders", "application/json"
	for _, one := range []struct {
		name, path, kind, body string
		status                 int
		want                   map[string]string // field → detail
		detail                 string
	}{
		{"rules", path + "?page=-1", kind, `{"quantity": 11, "email": "nobody", "ship": {}}`, 400, map[string]string{
			"page": "must be at least 0", "quantity": "must be at most 10", "email": "must be an e-mail address", "ship.street": "is required",
		}, ""},
		{"missing", path, kind, `{}`, 400, map[string]string{"quantity": "is required"}, ""},
		{"no body", path, kind, ``, 400, map[string]string{"quantity": "is required"}, ""},
		{"wrong types and unknown fields, all of them", path + "?page=two&wait=long", kind, `{"quantity": "many", "since": 5, "ship": {"floor": true, "street": "x", "door": 1}, "colour": "red", "Colour": 1}`, 400, map[string]string{
			"quantity": "must be a whole number, not a string", "since": "has a form that cannot be read", "ship.floor": "must be a whole number, not true or false", "ship.door": "is unknown", "colour": "is unknown", "Colour": "is unknown",
			"page": "must be a whole number", "wait": "must be a duration such as 1m30s",
		}, ""},
		{"a header's field cannot come from the body", path, kind, `{"quantity": 1, "Tenant": "forged", "shop": "forged"}`, 400, map[string]string{"Tenant": "is unknown", "Shop": "is unknown"}, ""},
		{"a method's rule", path, kind, `{"quantity": 7}`, 400, map[string]string{"quantity": "must not be seven"}, ""},
		{"a method's error stays inside", path, kind, `{"quantity": 8}`, 400, map[string]string{"request": "does not fit together"}, ""},
		{"no JSON", path, kind, `{"quantity": }`, 400, nil, "The body is not JSON"},
		{"half of it", path, kind, `{"quantity": 1`, 400, nil, "ends too early"},
		{"two of it", path, kind, `{"quantity": 1} {}`, 400, nil, "something follows"},
		{"a list", path, kind, `[1]`, 400, nil, "must be a JSON object, not a list"},
		{"another type", path, "text/plain", `quantity=1`, 415, nil, "application/json"},
		{"too large", path, kind, `{"email": "` + strings.Repeat("x", 2000) + `"}`, 413, nil, "larger than 1024 bytes"},
	} {
		t.Run(one.name, func(t *testing.T) {
			status, document := s.post(t, one.path, one.kind, one.body, nil)
			require.Equal(t, one.status, status, document)
			require.Contains(t, document["detail"], one.detail)
			require.NotContains(t, document["detail"], "secret")
			if one.want == nil {
				return
			}
			got := map[string]string{}
			for _, fault := range document["errors"].([]any) {
				got[fault.(map[string]any)["field"].(string)] = fault.(map[string]any)["detail"].(string)
			}
			require.Equal(t, one.want, got)
		})
	}
}

type strict struct{}

func (strict) Validate(any) error { return errors.New("nothing is right") }

func TestAProgramMayBringAValidatorOfItsOwn(t *testing.T) {
	s := serve(t, "", func(e *echo.Echo) { e.Validator = strict{}; ordering(e) })
	defer s.RequireStop()
	status, document := s.post(t, "/shops/x/orders", "application/json", `{"quantity": 1}`, nil)
	require.Equal(t, http.StatusBadRequest, status)
	require.NotContains(t, document["detail"], "nothing is right")
}

func FuzzBind(f *testing.F) {
	for _, seed := range []string{`{"quantity":1}`, `{"ship":{"floor":[]}}`, `{"ship":null,"QUANTITY":1e999}`, `[]`, `{"a":{"a":{}}}`, "{\"\xff\":1}"} {
		f.Add(seed, "1", "x")
	}
	e := echo.New()
	f.Fuzz(func(t *testing.T, body, page, tenant string) {
		request, err := http.NewRequest(http.MethodPost, "http://x/", strings.NewReader(body))
		if err != nil {
			return
		}
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("X-Tenant", tenant)
		request.URL.RawQuery = "page=" + page
		_, err = web.Bind[order](e.NewContext(request, nil))
		var problem *web.Problem
		if err != nil {
			require.ErrorAs(t, err, &problem)
			require.Equal(t, http.StatusBadRequest, problem.Status)
		}
	})
}
