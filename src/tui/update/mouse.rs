//! The mouse: wheel and left button, by where things stood in the last frame.

use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};

use crate::tui::model::{Model, Overlay, Pane};

/// Lines a notch of the wheel scrolls.
const NOTCH: isize = 3;

pub(super) fn mouse(model: &mut Model, event: MouseEvent) {
    if model.overlay != Overlay::None {
        return;
    }
    let Some(seen) = model.seen.at(event.column, event.row) else { return };
    let pane = seen.pane;
    let line = usize::from(event.row - seen.inner.y);
    match event.kind {
        MouseEventKind::ScrollDown if pane == Pane::Chains => super::list::step(model, 1),
        MouseEventKind::ScrollUp if pane == Pane::Chains => super::list::step(model, -1),
        MouseEventKind::ScrollDown => super::open::scroll(model, pane, NOTCH),
        MouseEventKind::ScrollUp => super::open::scroll(model, pane, -NOTCH),
        MouseEventKind::Down(MouseButton::Left) => {
            let hop = seen.hops.get(seen.top + line).copied().flatten();
            click(model, pane, line, hop);
        }
        _ => {}
    }
}

fn click(model: &mut Model, pane: Pane, line: usize, hop: Option<usize>) {
    if pane == Pane::Hop {
        return;
    }
    if pane == Pane::Chains {
        model.list.follow = false;
        let at = model.list.top + line as u64;
        if at < model.list.window.of {
            super::list::select(model, at);
        }
    }
    super::focus(model, pane);
    if let (Some(hop), Some(open)) = (hop, &mut model.open) {
        // A second click on the same hop opens it.
        if open.hop == hop && pane == Pane::Chain {
            super::open::enter(model);
        } else {
            (open.hop, open.compare, open.scroll.hop) = (hop, 0, 0);
        }
    }
}
