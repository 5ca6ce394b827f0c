//! The terminal interface: model, message, update, view.
