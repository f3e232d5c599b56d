// Package handlers is the HTTP surface: a table of read endpoints over the
// arena, the write surface, the stream of events, the system routes beside
// them, and the middleware around all.
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
//   - A write with too many items is 413, as one with too many bytes is: the
//     client does the same about both. Its items are not looked into here; one
//     that is wrong is refused by itself, and only a body that is not JSON, or
//     is no envelope, is refused whole. Compressed bodies are 415.
//   - A write that has arrived is done, also if its client does not wait.
//   - A surface that is off is 503 without Retry-After: waiting does not help.
//   - A stream of events ends with an event of type end that says why, except
//     when its client is gone. It may be resumed by the id of the last event;
//     one that is no longer kept, or is of another database, is 410, and the
//     views have to be read again.
//   - The latency of a stream is the time to its first byte.
package handlers
