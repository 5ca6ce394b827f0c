//! What a command looks at: hops and taps out of traces and files of other tools.

use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;
use std::{fs, io};

use super::Error;
use super::progress::Progress;
use crate::cli::Input;
use crate::formats::{har, mitm};
use crate::store::{Dropped, Load, Reader, Unrecorded};
use crate::trace::{Hop, Note, Tap, TapId, TapKind};

/// Hops and taps, wherever they came from.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recording {
    /// Outermost first.
    pub(crate) taps: Vec<Tap>,
    pub(crate) hops: Vec<Arc<Hop>>,
    pub(crate) notes: Vec<Note>,
    /// What could not be read, one sentence each; the rest was.
    pub(crate) warnings: Vec<String>,
    /// Hops that a recorder saw but could not keep.
    pub(crate) unrecorded: Unrecorded,
    /// Hops that a flight recorder has let go.
    pub(crate) dropped: Dropped,
    /// Size on disk of all files together.
    pub(crate) bytes: u64,
}

impl Recording {
    /// Read `inputs`: one file with its own taps, or several as `NAME=FILE`, outermost first.
    ///
    /// # Errors
    ///
    /// Two bare files, and files that cannot be read.
    pub(crate) fn read(inputs: &[Input], progress: &mut Progress) -> Result<Recording, Error> {
        let bare = inputs.iter().filter(|it| it.name.is_none()).count();
        if inputs.len() > 1 && bare > 0 {
            return Err(two_bare_files(inputs));
        }
        let mut whole = Recording::default();
        for input in inputs {
            let mut part = read_one(&input.path, progress)?;
            if let Some(name) = &input.name {
                part.rename(name);
            }
            whole.append(part);
        }
        Ok(whole)
    }

    /// Give the taps the name that the user chose.
    fn rename(&mut self, name: &str) {
        let single = self.taps.len() == 1;
        for tap in &mut self.taps {
            tap.name = if single { name.to_owned() } else { format!("{name}-{}", tap.name) };
        }
    }

    /// Put `inner`'s taps behind ours.
    fn append(&mut self, inner: Recording) {
        let offset = u16::try_from(self.taps.len()).unwrap_or(u16::MAX);
        self.taps.extend(inner.taps);
        self.hops.extend(inner.hops.into_iter().map(|hop| {
            if offset == 0 {
                return hop;
            }
            let tap = TapId(hop.tap.0.saturating_add(offset));
            Arc::new(Hop { tap, ..Arc::unwrap_or_clone(hop) })
        }));
        self.notes.extend(inner.notes);
        self.warnings.extend(inner.warnings);
        self.unrecorded.count += inner.unrecorded.count;
        if self.unrecorded.why.is_empty() {
            self.unrecorded.why = inner.unrecorded.why;
        }
        self.dropped.count += inner.dropped.count;
        self.dropped.until = self.dropped.until.max(inner.dropped.until);
        if self.dropped.why.is_empty() {
            self.dropped.why = inner.dropped.why;
        }
        self.bytes += inner.bytes;
    }
}

fn two_bare_files(inputs: &[Input]) -> Error {
    let names = ["edge", "gateway", "origin"];
    let n = inputs.len();
    let words = inputs.iter().enumerate().map(|(idx, it)| {
        let name = if idx + 1 == n { "origin" } else { names.get(idx).copied().unwrap_or("tap") };
        format!("{}={}", it.name.as_deref().unwrap_or(name), it.path.display())
    });
    Error::Usage {
        message: format!("{n} files, and not each says which tap it is"),
        hint: format!("name them, outermost first: {}", words.collect::<Vec<_>>().join(" ")),
    }
}

fn read_one(path: &Path, progress: &mut Progress) -> Result<Recording, Error> {
    let unreadable = |source| Error::Read { path: path.to_owned(), source };
    if path.as_os_str() == "-" {
        let mut bytes = Vec::new();
        io::stdin().lock().read_to_end(&mut bytes).map_err(unreadable)?;
        return if bytes.starts_with(SQLITE) {
            spooled(&bytes, progress)
        } else {
            read_other(path, &bytes, progress)
        };
    }
    if is_trace_file(path) {
        return read_trace(path, progress);
    }
    let bytes = fs::read(path).map_err(unreadable)?;
    read_other(path, &bytes, progress)
}

/// Whether the file is a trace, by its first bytes, or by its name when it has none.
pub(crate) fn is_trace_file(path: &Path) -> bool {
    let mut head = [0; SQLITE.len()];
    let read = fs::File::open(path).and_then(|mut it| it.read_exact(&mut head));
    match read {
        Ok(()) => head == *SQLITE,
        Err(_) => path.extension().is_some_and(|it| it == "hops"),
    }
}

fn read_trace(path: &Path, progress: &mut Progress) -> Result<Recording, Error> {
    let reader = Reader::open(path)?;
    let info = reader.info()?;
    let mut hops = Vec::new();
    progress.part("reading hops", info.hops);
    for hop in reader.hops(Load::Bodies) {
        hops.push(Arc::new(hop?));
        progress.add(1);
    }
    Ok(Recording {
        taps: info.taps,
        hops,
        notes: reader.notes()?,
        warnings: Vec::new(),
        unrecorded: info.unrecorded,
        dropped: info.dropped,
        bytes: info.bytes,
    })
}

/// A trace that came through a pipe: SQLite reads files only.
fn spooled(bytes: &[u8], progress: &mut Progress) -> Result<Recording, Error> {
    let file = super::scratch::File::new("stdin.hops");
    let unreadable = |source| Error::Read { path: "-".into(), source };
    fs::write(file.path(), bytes).map_err(unreadable)?;
    read_trace(file.path(), progress)
}

/// A file of another tool, told by how it begins.
fn read_other(path: &Path, bytes: &[u8], progress: &mut Progress) -> Result<Recording, Error> {
    let path_of = || path.to_owned();
    let (name, hops, notes, warnings) = if mitm::is_flow_file(bytes) {
        progress.part("reading flows, bytes", 0);
        let read = mitm::read_telling(bytes, &mut |done, of| progress.at(done, of));
        let file = read.map_err(|source| Error::Flows { path: path_of(), source })?;
        ("mitmproxy", file.hops, file.notes, file.remarks)
    } else {
        progress.part("reading entries", 0);
        let read = har::read_telling(bytes, &mut |done, of| progress.at(done, of));
        let file = read.map_err(|source| Error::Har { path: path_of(), source })?;
        ("har", file.hops, Vec::new(), file.remarks)
    };
    let tap = Tap {
        name: name.to_owned(),
        kind: TapKind::File,
        address: super::opened::file_name(path),
        upstream: None,
    };
    Ok(Recording {
        taps: vec![tap],
        hops: hops.into_iter().map(Arc::new).collect(),
        notes,
        warnings,
        unrecorded: Unrecorded::default(),
        dropped: Dropped::default(),
        bytes: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
    })
}

/// How every SQLite file begins.
const SQLITE: &[u8; 16] = b"SQLite format 3\0";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::Console;

    #[test]
    fn a_long_file_of_another_tool_is_read_with_a_word_of_how_far_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let entry = r#"{"request":{"method":"GET","url":"http://a.test/"},"response":{}}"#;
        let entries = vec![entry; 200].join(",");
        let har = format!(r#"{{"log":{{"entries":[{entries}]}}}}"#);
        let request =
            "6:method;3:GET;4:host;1:h;4:port;2:80#6:scheme;4:http;4:path;2:/a;7:headers;0:]";
        let flow = format!("4:type;4:http;7:request;{}:{request}}}", request.len());
        let flow = format!("{}:{flow}}}", flow.len());
        let flows = flow.repeat(200);
        for (bytes, wanted) in [
            (har, "\r\x1b[2Kreading entries: 64 of 200".to_owned()),
            (
                flows.clone(),
                format!("\r\x1b[2Kreading flows, bytes: {} of {}", flow.len(), flows.len()),
            ),
        ] {
            let path = folder.path().join("long");
            fs::write(&path, bytes).unwrap();
            let shown = folder.path().join("shown");
            let mut console = Console {
                out: Box::new(io::sink()),
                err: Box::new(io::sink()),
                terminal: false,
                progress: Some(Box::new(fs::File::create(&shown).unwrap())),
            };
            let mut progress = Progress::impatient(&mut console);
            let read = Recording::read(&[Input { name: None, path }], &mut progress).unwrap();
            drop(progress);
            let shown = fs::read_to_string(shown).unwrap();
            assert!(shown.starts_with(&wanted) && shown.ends_with("\r\x1b[2K"), "{shown:?}");
            assert_eq!(read.hops.len(), 200);
        }
    }
}
