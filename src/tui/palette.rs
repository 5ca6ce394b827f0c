//! The command palette: every command of a screen, by name.

use super::keymap::{Binding, EVERYWHERE};
use super::model::Screen;
use super::update::tables;

/// The bindings of a screen whose help or hint has every word of `query`, in the tables' order.
pub fn find(screen: Screen, query: &str) -> Vec<&'static Binding> {
    let query = query.to_lowercase();
    let [own, _] = tables(screen);
    own.iter()
        .chain(EVERYWHERE)
        .filter(|it| {
            query.split_whitespace().all(|word| it.help.contains(word) || it.hint.contains(word))
        })
        .collect()
}
