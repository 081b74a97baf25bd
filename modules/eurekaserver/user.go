package eurekaserver

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"

	"github.com/archimedes-go/archimedes/config"
)

// User is what "spring.security.user" in application.yml says: who may use the server. Clients give the same in the URL,
// http://user:password@eureka-1:8761/eureka/.
type User struct {
	Name     string        `config:"name"`     // default user
	Password config.Secret `config:"password"` // of the Eureka server that is embedded; default none, and everybody may
}

// DefaultUser returns the settings in force when application.yml is silent.
func DefaultUser() User { return User{Name: "user"} }

// guard lets only the user pass, when there is one (Basic, RFC 7617).
func (u User) guard(next http.Handler) http.Handler {
	if u.Password == "" {
		return next
	}
	// Sums have one length: comparing takes as long for any guess.
	wantName, wantPassword := sha256.Sum256([]byte(u.Name)), sha256.Sum256([]byte(u.Password))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, password, _ := r.BasicAuth()
		gotName, gotPassword := sha256.Sum256([]byte(name)), sha256.Sum256([]byte(password))
		if subtle.ConstantTimeCompare(wantName[:], gotName[:])&subtle.ConstantTimeCompare(wantPassword[:], gotPassword[:]) != 1 {
			w.Header().Set("WWW-Authenticate", `Basic realm="Eureka", charset="UTF-8"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}
