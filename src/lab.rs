//! The lab: an API gateway, a Django-like app and a front-end page, on free ports, with knobs.
