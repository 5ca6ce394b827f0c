//! HTTP for those who send: drives the `fetch` machine over real sockets, as a browser would.
