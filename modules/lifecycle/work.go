package lifecycle

import "context"

// Work is what a program does beside answering requests. Whoever owns the sequence of coming and going drives it: the web server,
// or the hook of a program without one. Package app implements it.
type Work interface {
	// Prepare does what comes once, before the program accepts calls and is registered. An error ends the start.
	Prepare(ctx context.Context) error
	// Begin starts what lasts. It does not wait.
	Begin()
	// End tells what lasts to stop. It does not wait.
	End()
	// Wait returns when what lasts has stopped, or when that has taken too long.
	Wait(ctx context.Context)
}

// NoWork is that of a program that only serves.
type NoWork struct{}

var _ Work = NoWork{}

// Prepare implements [Work].
func (NoWork) Prepare(context.Context) error { return nil }

// Begin implements [Work].
func (NoWork) Begin() {}

// End implements [Work].
func (NoWork) End() {}

// Wait implements [Work].
func (NoWork) Wait(context.Context) {}
