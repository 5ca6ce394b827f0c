//! Forms (`application/x-www-form-urlencoded`): one field a line, decoded.

use crate::trace::visible;

pub(super) fn lines(text: &str) -> Vec<String> {
    url::form_urlencoded::parse(text.trim().as_bytes())
        .map(|(name, value)| format!("{} = {}", visible(&name), visible(&value)))
        .collect()
}
