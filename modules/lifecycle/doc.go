// Package lifecycle ties work that lasts to the life of an application.
//
// A goroutine that lives as long as the program is a method that blocks until its context ends:
//
//	lifecycle.Run(p.Hooks, p.Log, "eureka replica", p.Replica.Run)
//
// It survives panics, starts again after an error, and is waited for at stop. A hook that waits at stop asks
// [Hurried] and [Aborted] whether it still may.
package lifecycle
