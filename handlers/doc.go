// Package handlers is the HTTP surface: a table of read endpoints over the
// arena, the system routes beside it, and the middleware around both.
//
// A request passes, from the outside in: request id, access log, metrics,
// security headers, panic recovery, CORS, deadline, handler. Every response,
// a problem document included, therefore has an id, a log line and the headers
// that a browser needs to read it.
//
// Decisions that a client can see:
//
//   - Every failure is an RFC 9457 problem document, in which type names the
//     kind of failure for programs and request_id finds its log line.
//   - An id in a path that no model can have is an unknown model, 404: whoever
//     asks for a name that does not exist gets one answer, however it is spelt.
//   - One slash after a route is tolerated and served, not redirected.
//   - A client that refuses identity and every coding on offer gets 406.
//   - The Content-Length of a HEAD is that of the GET. Where only compressing
//     would tell, it is left out, as RFC 9110 allows: a HEAD never compresses.
package handlers
