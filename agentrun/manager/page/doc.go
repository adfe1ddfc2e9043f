// Package page shows runs to people in a browser: a list, and each run live. It
// changes nothing; what it shows is what a token with runs:read may read.
//
//	GET  /                                 leads to the list
//	GET  /ui/runs?state=&profile=&label=&before=   the list, the newest first
//	GET  /ui/runs/{id}?after=              a run, its newest events or those after one
//	GET  /ui/runs/{id}/events?after=       its events as they come: text/event-stream of HTML
//	GET  /ui/runs/{id}/artifacts/{name}?attempt=   a file, always as a download
//	GET  /ui/signin, POST /ui/signin, POST /ui/signout
//	GET  /ui/static/…                      a style sheet, a script and an icon
//
// A person signs in with an API token, which is kept in a cookie for the page alone:
// HttpOnly, SameSite=Strict, with Path /ui, so that the API never sees it, and Secure
// when the way is TLS. The manager keeps no session. Each request asks the store
// whether the token is still good; a stream of events ends after a few minutes and
// is asked for again.
//
// Everything that is shown is written by html/template, and its control characters
// and those that reorder text are made visible before. The policy of every answer
// allows the page's own script and style and nothing else. Pages are whole without
// the script. What one page holds is bounded in events, in bytes of an item and in
// bytes altogether. A reader that does not take what is sent is cut off.
package page
