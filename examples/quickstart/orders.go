package main

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/archimedes-go/archimedes/modules/invoker"
)

// orders answers with data that it fetches from inventory by name.
type orders struct{ rest *invoker.Client }

func newOrders(rest *invoker.Client) *orders { return &orders{rest: rest} }

func (o *orders) Routes(e *echo.Echo) { e.GET("/orders/:id", o.show) }

// order is what a caller gets.
type order struct {
	ID    string `json:"id"`
	Stock stock  `json:"stock"`
}

func (o *orders) show(c echo.Context) error {
	inStock, err := invoker.GetForObject[stock](c.Request().Context(), o.rest, "http://inventory/stock/{sku}", c.Param("id"))
	if err != nil {
		return err // becomes a problem document with the trace id
	}
	return c.JSON(http.StatusOK, order{ID: c.Param("id"), Stock: inStock})
}
