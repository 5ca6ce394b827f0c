//! How things look: roles for colours, and glyphs with an ASCII form.
//!
//! **Invariant:** views name roles, never colours, and colour never carries meaning alone:
//! every role that means something has a glyph or a word beside it.

use ratatui::style::{Color, Modifier, Style};

/// What a view needs to know to draw.
#[derive(Clone, Debug, PartialEq)]
pub struct Look {
    pub theme: Theme,
    pub glyphs: &'static Glyphs,
}

impl Look {
    pub fn new(theme: ThemeName, ascii: bool) -> Look {
        Look { theme: Theme::named(theme), glyphs: if ascii { &ASCII } else { &UNICODE } }
    }
}

/// The themes there are.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum ThemeName {
    #[default]
    Dark,
    Light,
    HighContrast,
    /// No colour at all ([NO_COLOR](https://no-color.org)).
    Plain,
}

/// A style a role.
#[derive(Clone, Debug, PartialEq)]
pub struct Theme {
    pub text: Style,
    /// What matters less: times, versions, rules between things.
    pub dim: Style,
    /// What is looked for first: the name of a thing.
    pub strong: Style,
    pub border: Style,
    /// The border of the pane that has the keys.
    pub focus: Style,
    pub title: Style,
    /// The selected row, laid over its styles.
    pub selected: Style,
    /// A readable answer, a passed check.
    pub ok: Style,
    /// A CORS error, the rung to blame.
    pub blocked: Style,
    /// A network failure.
    pub failed: Style,
    /// What turns on something unseen; a redirect; a warning.
    pub warn: Style,
    /// Something vanished.
    pub lost: Style,
    pub added: Style,
    pub changed: Style,
    /// Arrows and lanes of the ladder.
    pub lane: Style,
    /// Keys in footer and help.
    pub key: Style,
    /// The recording mark.
    pub recording: Style,
    /// The change that fixes it.
    pub fix: Style,
}

impl Theme {
    pub fn named(name: ThemeName) -> Theme {
        match name {
            ThemeName::Dark => Theme::coloured(&DARK),
            ThemeName::Light => Theme::coloured(&LIGHT),
            ThemeName::HighContrast => Theme::coloured(&HIGH_CONTRAST),
            ThemeName::Plain => Theme::plain(),
        }
    }

    fn coloured(it: &Palette) -> Theme {
        let fg = |colour| Style::new().fg(colour);
        Theme {
            text: fg(it.text),
            dim: fg(it.dim),
            strong: fg(it.strong).add_modifier(Modifier::BOLD),
            border: fg(it.border),
            focus: fg(it.accent),
            title: fg(it.strong).add_modifier(Modifier::BOLD),
            selected: Style::new().bg(it.selected),
            ok: fg(it.green),
            blocked: fg(it.red).add_modifier(Modifier::BOLD),
            failed: fg(it.magenta).add_modifier(Modifier::BOLD),
            warn: fg(it.yellow),
            lost: fg(it.red).add_modifier(Modifier::BOLD),
            added: fg(it.green),
            changed: fg(it.yellow),
            lane: fg(it.lane),
            key: fg(it.accent),
            recording: fg(it.red),
            fix: fg(it.green),
        }
    }

    fn plain() -> Theme {
        let plain = Style::new();
        let bold = plain.add_modifier(Modifier::BOLD);
        Theme {
            text: plain,
            dim: plain.add_modifier(Modifier::DIM),
            strong: bold,
            border: plain.add_modifier(Modifier::DIM),
            focus: plain,
            title: bold,
            // Half of the row in another shade would not read as one row.
            selected: plain.add_modifier(Modifier::REVERSED).remove_modifier(Modifier::DIM),
            ok: plain,
            blocked: bold,
            failed: bold,
            warn: plain,
            lost: bold,
            added: plain,
            changed: plain,
            lane: plain.add_modifier(Modifier::DIM),
            key: bold,
            recording: bold,
            fix: plain,
        }
    }
}

/// The colours of a theme. Indices of the 256-colour palette, so that no terminal needs more.
struct Palette {
    text: Color,
    dim: Color,
    strong: Color,
    border: Color,
    lane: Color,
    accent: Color,
    selected: Color,
    green: Color,
    red: Color,
    magenta: Color,
    yellow: Color,
}

const DARK: Palette = Palette {
    text: Color::Indexed(252),
    dim: Color::Indexed(245),
    strong: Color::Indexed(255),
    border: Color::Indexed(239),
    lane: Color::Indexed(243),
    accent: Color::Indexed(110),
    selected: Color::Indexed(237),
    green: Color::Indexed(114),
    red: Color::Indexed(203),
    magenta: Color::Indexed(176),
    yellow: Color::Indexed(179),
};

const LIGHT: Palette = Palette {
    text: Color::Indexed(236),
    dim: Color::Indexed(243),
    strong: Color::Indexed(232),
    border: Color::Indexed(250),
    lane: Color::Indexed(246),
    accent: Color::Indexed(25),
    selected: Color::Indexed(254),
    green: Color::Indexed(28),
    red: Color::Indexed(160),
    magenta: Color::Indexed(127),
    yellow: Color::Indexed(130),
};

const HIGH_CONTRAST: Palette = Palette {
    text: Color::Indexed(15),
    dim: Color::Indexed(252),
    strong: Color::Indexed(15),
    border: Color::Indexed(250),
    lane: Color::Indexed(15),
    accent: Color::Indexed(51),
    selected: Color::Indexed(19),
    green: Color::Indexed(46),
    red: Color::Indexed(210),
    magenta: Color::Indexed(213),
    yellow: Color::Indexed(226),
};

/// Every drawn sign that is not text. One cell each in Unicode.
#[derive(Debug, PartialEq)]
pub struct Glyphs {
    pub allowed: &'static str,
    pub refused: &'static str,
    pub scissors: &'static str,
    pub selected: &'static str,
    pub guilty: &'static str,
    pub recording: &'static str,
    pub arrow_head: &'static str,
    pub arrow: &'static str,
    pub dotted: &'static str,
    pub lane: &'static str,
    pub lane_unreached: &'static str,
    pub to: &'static str,
    pub kept: &'static str,
    pub absent_yet: &'static str,
    pub absent: &'static str,
    pub wire: &'static str,
    pub cut: &'static str,
    pub bar: &'static str,
    pub bar_light: &'static str,
    /// The last branch of a tree, and one that has more below it.
    pub tree: &'static str,
    pub tree_more: &'static str,
    pub tree_line: &'static str,
    pub line: &'static str,
    pub scroll: &'static str,
    pub cursor: &'static str,
    pub border: ratatui::symbols::border::Set<'static>,
}

pub static UNICODE: Glyphs = Glyphs {
    allowed: "✓",
    refused: "✗",
    scissors: "✂",
    selected: "▸",
    guilty: "!",
    recording: "●",
    arrow_head: "▶",
    arrow: "─",
    dotted: "┄",
    lane: "│",
    lane_unreached: "┊",
    to: "→",
    kept: "●",
    absent_yet: "○",
    absent: "·",
    wire: "─",
    cut: "…",
    bar: "━",
    bar_light: "─",
    tree: "└─ ",
    tree_more: "├─ ",
    tree_line: "│  ",
    line: "─",
    scroll: "┃",
    cursor: "▏",
    border: ratatui::symbols::border::PLAIN,
};

pub static ASCII: Glyphs = Glyphs {
    allowed: "ok",
    refused: "x",
    scissors: "%",
    selected: ">",
    guilty: "!",
    recording: "*",
    arrow_head: ">",
    arrow: "-",
    dotted: ".",
    lane: "|",
    lane_unreached: ":",
    to: "->",
    kept: "o",
    absent_yet: ".",
    absent: ".",
    wire: "-",
    cut: "~",
    bar: "=",
    bar_light: "-",
    tree: "`- ",
    tree_more: "|- ",
    tree_line: "|  ",
    line: "-",
    scroll: "#",
    cursor: "_",
    border: ratatui::symbols::border::Set {
        top_left: "+",
        top_right: "+",
        bottom_left: "+",
        bottom_right: "+",
        vertical_left: "|",
        vertical_right: "|",
        horizontal_top: "-",
        horizontal_bottom: "-",
    },
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_colour_means_none() {
        let text = format!("{:?}", Theme::named(ThemeName::Plain));
        assert!(!text.contains("Some("), "{text}");
    }

    #[test]
    fn coloured_themes_tell_the_roles_apart() {
        for name in [ThemeName::Dark, ThemeName::Light, ThemeName::HighContrast] {
            let it = Theme::named(name);
            assert_ne!(it.ok, it.blocked, "{name:?}");
            assert_ne!(it.blocked, it.failed, "{name:?}");
            assert_ne!(it.text, it.dim, "{name:?}");
            assert_ne!(it.border, it.focus, "{name:?}");
            assert_ne!(it.selected.bg, None, "{name:?}");
        }
    }
}
