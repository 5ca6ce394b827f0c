//! What the app's developer has to go by: the development server's log.
//!
//! **Invariant:** it says what the real one says and no more; that it explains so little is
//! the point.

use std::collections::VecDeque;

use super::pages;
use super::slash::path_info;
use crate::lab::message::{Request, Response};

/// The newest lines, oldest first.
#[derive(Default)]
pub(super) struct Log(VecDeque<String>);

const KEPT: usize = 500;

impl Log {
    pub(super) fn add(&mut self, request: &Request, response: &Response) {
        if response.status == 500 {
            self.line(format!("Internal Server Error: {}", path_info(request)));
            self.line(format!("RuntimeError: {}", pages::append_slash_words(request)));
        }
        self.line(format!(
            "[{}] \"{} {}{} HTTP/1.1\" {} {}",
            chrono::Utc::now().format("%d/%b/%Y %H:%M:%S"),
            request.method,
            request.path,
            request.query_suffix(),
            response.status,
            response.body.len(),
        ));
    }

    pub(super) fn lines(&self) -> Vec<String> {
        self.0.iter().cloned().collect()
    }

    fn line(&mut self, line: String) {
        if self.0.len() == KEPT {
            self.0.pop_front();
        }
        self.0.push_back(line);
    }
}
