//! What keys do: one table per screen.
//!
//! **Invariant:** footer, help and palette are drawn from these tables, so they cannot
//! disagree with what the keys do, and no key is shown that does nothing.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// Something a key, the mouse or the palette can ask for.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Action {
    NextChain,
    PreviousChain,
    NewestChain,
    OldestChain,
    NextHop,
    PreviousHop,
    NextFinding,
    PreviousFinding,
    Open,
    Back,
    NextPane,
    PreviousPane,
    Lineage,
    Verdict,
    Zoom,
    ScrollDown,
    ScrollUp,
    PageDown,
    PageUp,
    NextSection,
    CompareWith,
    Search,
    NextMatch,
    PreviousMatch,
    Fold,
    Unfold,
    Filter,
    Copy,
    Palette,
    Help,
    Quit,
}

/// Keys that ask for one action.
#[derive(Debug)]
pub struct Binding {
    pub keys: &'static [Key],
    pub action: Action,
    /// A word or two for the footer; bindings that follow one another with the same word
    /// share an entry (`j/k chain`). Empty: only in the help.
    pub hint: &'static str,
    /// What it does, for help and palette.
    pub help: &'static str,
}

/// A key as a table names it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Key {
    pub code: KeyCode,
    pub control: bool,
}

impl Key {
    /// How the footer and the help write it.
    pub fn name(self) -> String {
        let name = match self.code {
            KeyCode::Char(' ') => "space".to_owned(),
            KeyCode::Char(it) => it.to_string(),
            KeyCode::Up => "up".to_owned(),
            KeyCode::Down => "down".to_owned(),
            KeyCode::Left => "left".to_owned(),
            KeyCode::Right => "right".to_owned(),
            KeyCode::PageUp => "pgup".to_owned(),
            KeyCode::PageDown => "pgdn".to_owned(),
            KeyCode::BackTab => "shift-tab".to_owned(),
            KeyCode::Enter => "enter".to_owned(),
            other => format!("{other:?}").to_lowercase(),
        };
        if self.control { format!("ctrl-{name}") } else { name }
    }

    fn is(self, event: KeyEvent) -> bool {
        self.code == event.code && self.control == event.modifiers.contains(KeyModifiers::CONTROL)
    }
}

/// The action that `tables` bind to a key; earlier tables win.
pub fn lookup(tables: &[&'static [Binding]], event: KeyEvent) -> Option<Action> {
    let mut bindings = tables.iter().flat_map(|it| it.iter());
    bindings.find(|it| it.keys.iter().any(|key| key.is(event))).map(|it| it.action)
}

/// The footer's entries of a table: keys and hint.
pub fn hints(table: &'static [Binding]) -> Vec<(String, &'static str)> {
    let mut hints: Vec<(String, &'static str)> = Vec::new();
    for binding in table.iter().filter(|it| !it.hint.is_empty()) {
        let key = binding.keys.first().map(|it| it.name()).unwrap_or_default();
        match hints.last_mut() {
            Some((keys, hint)) if *hint == binding.hint => {
                keys.push('/');
                keys.push_str(&key);
            }
            _ => hints.push((key, binding.hint)),
        }
    }
    hints
}

/// Keys of the panes: chains, chain, lineage, finding, verdict.
pub const PANES: &[Binding] = &[
    bind(&[key('j'), code(KeyCode::Down)], Action::NextChain, "chain", "next chain"),
    bind(&[key('k'), code(KeyCode::Up)], Action::PreviousChain, "chain", "previous chain"),
    bind(&[key('n'), code(KeyCode::Right)], Action::NextHop, "hop", "next hop"),
    bind(&[key('p'), code(KeyCode::Left)], Action::PreviousHop, "hop", "previous hop"),
    bind(&[code(KeyCode::Enter)], Action::Open, "open", "open what the pane has selected"),
    bind(&[code(KeyCode::Tab)], Action::NextPane, "pane", "next pane"),
    bind(&[code(KeyCode::BackTab)], Action::PreviousPane, "", "previous pane"),
    bind(&[key('f')], Action::NextFinding, "finding", "next finding"),
    bind(&[key('F')], Action::PreviousFinding, "", "previous finding"),
    bind(&[key('l')], Action::Lineage, "lineage", "follow prefix and headers across the hops"),
    bind(&[key('v')], Action::Verdict, "verdict", "what the browsers conclude, in their words"),
    bind(&[key('/')], Action::Filter, "filter", "show only chains with these words"),
    bind(&[key('y')], Action::Copy, "copy", "copy what the pane shows"),
    bind(&[key('z')], Action::Zoom, "", "this pane alone, or all again"),
    bind(&[key('G'), code(KeyCode::End)], Action::NewestChain, "", "newest chain, and follow"),
    bind(&[key('g'), code(KeyCode::Home)], Action::OldestChain, "", "oldest chain"),
    bind(&[key('J')], Action::ScrollDown, "", "scroll the pane down"),
    bind(&[key('K')], Action::ScrollUp, "", "scroll the pane up"),
    bind(&[code(KeyCode::PageDown), control('d')], Action::PageDown, "", "a page down"),
    bind(&[code(KeyCode::PageUp), control('u')], Action::PageUp, "", "a page up"),
    bind(&[code(KeyCode::Esc)], Action::Back, "", "back"),
];

/// Keys of the hop view.
pub const HOP: &[Binding] = &[
    bind(&[key('n'), code(KeyCode::Right)], Action::NextHop, "hop", "next hop"),
    bind(&[key('p'), code(KeyCode::Left)], Action::PreviousHop, "hop", "previous hop"),
    bind(&[key('j'), code(KeyCode::Down)], Action::ScrollDown, "scroll", "scroll down"),
    bind(&[key('k'), code(KeyCode::Up)], Action::ScrollUp, "scroll", "scroll up"),
    bind(&[code(KeyCode::Tab)], Action::NextSection, "section", "next section"),
    bind(&[code(KeyCode::Esc), code(KeyCode::Enter)], Action::Back, "back", "back to the chain"),
    bind(&[key('c')], Action::CompareWith, "compare", "compare with another hop or sighting"),
    bind(&[key('y')], Action::Copy, "copy", "copy this hop as text"),
    bind(&[key('/')], Action::Search, "search", "search headers and bodies"),
    bind(&[key('m')], Action::NextMatch, "", "next match of the search"),
    bind(&[key('M')], Action::PreviousMatch, "", "previous match of the search"),
    bind(&[key('-')], Action::Fold, "", "fold a JSON body one level more"),
    bind(&[key('+'), key('=')], Action::Unfold, "", "unfold a JSON body one level"),
    bind(&[code(KeyCode::PageDown), key(' ')], Action::PageDown, "", "a page down"),
    bind(&[code(KeyCode::PageUp), key('b')], Action::PageUp, "", "a page up"),
    bind(&[key('v')], Action::Verdict, "", "what the browsers conclude"),
];

/// Keys that work on every screen.
pub const EVERYWHERE: &[Binding] = &[
    bind(&[key(':')], Action::Palette, "commands", "every command, by name"),
    bind(&[key('?')], Action::Help, "help", "this help"),
    bind(&[key('q'), control('c')], Action::Quit, "quit", "quit"),
];

const fn bind(
    keys: &'static [Key],
    action: Action,
    hint: &'static str,
    help: &'static str,
) -> Binding {
    Binding { keys, action, hint, help }
}

const fn key(it: char) -> Key {
    code(KeyCode::Char(it))
}

const fn code(code: KeyCode) -> Key {
    Key { code, control: false }
}

const fn control(it: char) -> Key {
    Key { code: KeyCode::Char(it), control: true }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_means_two_things_on_one_screen() {
        for screen in [PANES, HOP] {
            let keys: Vec<Key> =
                screen.iter().chain(EVERYWHERE).flat_map(|it| it.keys).copied().collect();
            for (n, key) in keys.iter().enumerate() {
                assert!(!keys[n + 1..].contains(key), "{} is bound twice", key.name());
            }
        }
    }

    #[test]
    fn neighbours_with_one_hint_share_an_entry() {
        let hints = hints(PANES);
        assert_eq!(hints[0], ("j/k".to_owned(), "chain"));
        assert_eq!(hints[1], ("n/p".to_owned(), "hop"));
    }

    #[test]
    fn finds_the_action_of_a_key() {
        let event = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        assert_eq!(lookup(&[HOP, EVERYWHERE], event), Some(Action::Quit));
        let event = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::NONE);
        assert_eq!(lookup(&[HOP, EVERYWHERE], event), Some(Action::CompareWith));
    }
}
