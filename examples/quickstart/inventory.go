package main

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/archimedes-go/archimedes/modules/eureka"
)

// inventory knows what is in stock. It tells which instance answers, so that one sees the balancing.
type inventory struct{ self *eureka.Registrar }

func newInventory(self *eureka.Registrar) *inventory { return &inventory{self: self} }

func (i *inventory) Routes(e *echo.Echo) { e.GET("/stock/:sku", i.stock) }

// stock is how much there is of one article.
type stock struct {
	SKU      string `json:"sku"`
	Left     int    `json:"left"`
	Instance string `json:"instance"`
}

func (i *inventory) stock(c echo.Context) error {
	sku := c.Param("sku")
	return c.JSON(http.StatusOK, stock{SKU: sku, Left: len(sku)%5 + 5, Instance: i.self.InstanceID()})
}
