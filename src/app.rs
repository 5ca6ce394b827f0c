//! The composition root: starts the parts and owns the channels between them.
