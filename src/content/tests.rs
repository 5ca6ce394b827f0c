//! One text, coded by the usual programs (zlib, brotli, zstd), and what is made of it.

use flate2::{Compress, Compression, FlushCompress};

use super::*;

const GZIP: &str =
    "1f8b0800000000000003f3c82f5048aa54c8c82fb052f018650f3b764946aa426a5e0a004946569de7010000";
const ZLIB: &str = "789cf3c82f5048aa54c8c82fb052f018650f3b764946aa426a5e0a00920d9e11";
const RAW: &str = "f3c82f5048aa54c8c82fb052f018650f3b764946aa426a5e0a00";
const BROTLI: &str = "1be601f81d87b11be7a6a7f09b186a1038249d2586566f79250c81b5404575bca8866206";
const ZSTD: &str =
    "28b52ffd64e700d5000098486f7020627920686f703a2074686520656e640100d1574b12f29d2dae";
const GZIP_IN_BROTLI: &str = "8b15801f8b0800000000000003f3c82f5048aa54c8c82fb052f018650f3b764946aa426a5e0a004946569de701000003";

fn hex(text: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(digit).collect()
}

fn plain() -> String {
    "Hop by hop: ".repeat(40) + "the end"
}

fn coded_as(coding: &str) -> Headers {
    Headers::from_iter([("Content-Encoding", coding)])
}

fn decoded(coding: &str, bytes: &[u8], limit: usize) -> Content<'static> {
    decode(&Body::full(bytes), &coded_as(coding), limit).into_owned()
}

#[test]
fn undoes_what_servers_send() {
    let gzip = hex(GZIP);
    let twice = [gzip.clone(), gzip.clone()].concat();
    let padded = [gzip.clone(), vec![0; 9]].concat();
    for (coding, bytes, times, note) in [
        ("gzip", gzip.clone(), 1, "decoded from gzip"),
        ("X-GZip", gzip.clone(), 1, "decoded from gzip"),
        ("gzip", twice, 2, "decoded from gzip"),
        ("gzip", padded, 1, "decoded from gzip"),
        ("deflate", hex(ZLIB), 1, "decoded from deflate"),
        ("deflate", hex(RAW), 1, "decoded from deflate"),
        ("br", hex(BROTLI), 1, "decoded from br"),
        ("zstd", hex(ZSTD), 1, "decoded from zstd"),
        ("zstd", hex(&format!("502a4d1802000000ffff{ZSTD}{ZSTD}")), 2, "decoded from zstd"),
        ("gzip, br", hex(GZIP_IN_BROTLI), 1, "decoded from gzip and br"),
        ("identity, gzip", gzip.clone(), 1, "decoded from gzip"),
        ("gzip", plain().into_bytes(), 1, "decoded before it was recorded"),
        ("br", plain().into_bytes(), 1, "decoded before it was recorded"),
        ("deflate", plain().into_bytes(), 1, "decoded before it was recorded"),
        ("dcb", plain().into_bytes(), 1, "decoded before it was recorded"),
    ] {
        let content = decoded(coding, &bytes, 1 << 20);
        assert_eq!(content.note().as_deref(), Some(note), "{coding}");
        assert_eq!(content.bytes, plain().repeat(times).as_bytes(), "{coding}");
    }
    let body = Body::full("as it is");
    let content = decode(&body, &Headers::new(), 100);
    assert_eq!((content.note(), content.bytes), (None, b"as it is".as_slice().into()));
}

#[test]
fn gives_what_comes_before_a_cut() {
    for (coding, bytes) in [
        ("gzip", hex(GZIP)),
        ("deflate", hex(ZLIB)),
        ("deflate", hex(RAW)),
        ("br", hex(BROTLI)),
        ("zstd", hex(ZSTD)),
        ("gzip, br", hex(GZIP_IN_BROTLI)),
    ] {
        // Fewer bytes may as well be a text of so many letters.
        for end in 4..bytes.len() {
            let content = decoded(coding, &bytes[..end], 1 << 20);
            assert!(plain().as_bytes().starts_with(&content.bytes), "{coding} {end}: {content:?}");
            assert_ne!(content.end, End::Whole, "{coding} {end}");
        }
    }
    // A long text, so that what comes before the cut is worth something.
    let numbers = (0..20_000).map(|it| it.to_string()).collect::<Vec<_>>().join(" ");
    let mut gzip = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
    gzip.extend(deflated(numbers.as_bytes()));
    let content = decoded("gzip", &gzip[..gzip.len() / 2], 1 << 20);
    assert!(content.bytes.len() > numbers.len() / 3 && content.end == End::Cut);
    assert!(numbers.as_bytes().starts_with(&content.bytes));
}

fn deflated(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + 1024);
    let mut made = Compress::new(Compression::best(), false);
    made.compress_vec(bytes, &mut out, FlushCompress::Finish).unwrap();
    out
}

#[test]
fn says_what_it_cannot_read() {
    let garbage = [0xfe_u8, 0xff, 0, 1, 2, 3, 0xff, 0xff];
    for (coding, note) in [
        ("gzip", "not readable as gzip"),
        ("br", "not readable as br"),
        ("zstd", "not readable as zstd"),
        ("deflate", "not readable as deflate"),
        ("dcz", "still encoded as dcz"),
        ("br, compress", "still encoded as compress"),
    ] {
        let content = decoded(coding, &garbage, 100);
        assert!(content.note().is_some_and(|it| it.ends_with(note)), "{coding}: {content:?}");
        assert!(!content.is_decoded());
        assert_eq!(text(&Body::full(garbage), &coded_as(coding)), "");
    }
    let mut broken = hex(GZIP);
    broken[20] ^= 0xff;
    assert!(matches!(decoded("gzip", &broken, 100).end, End::Broken(_) | End::Cut | End::Limit));
}

/// Each of these unpacks to 64 MB or more.
#[test]
fn a_bomb_takes_no_more_than_the_limit() {
    let zeros = vec![0; 64 << 20];
    let mut gzip = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
    gzip.extend(deflated(&zeros));
    // Every block: 128 KiB of one byte.
    let mut zstd = vec![0x28, 0xb5, 0x2f, 0xfd, 0, 0x48];
    for _ in 0..512 {
        zstd.extend([0x02, 0, 0x10, 0]);
    }
    let twice = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3].into_iter().chain(deflated(&gzip)).collect();
    for (coding, bytes) in [("gzip", gzip), ("zstd", zstd), ("gzip, gzip", twice)] {
        let content = decoded(coding, &bytes, 100_000);
        assert_eq!((content.bytes.len(), &content.end), (100_000, &End::Limit), "{coding}");
        assert!(content.note().unwrap().ends_with("there is more"));
        assert!(content.bytes.iter().all(|it| *it == 0), "{coding}");
    }
}

#[test]
fn reads_the_characters_that_the_type_names() {
    for (kind, bytes, wanted) in [
        ("text/html", "Grüße".as_bytes(), "Grüße"),
        ("text/html; charset=ISO-8859-1", b"Gr\xfc\xdfe", "Grüße"),
        ("text/html; Charset=\"windows-1251\"", b"\xcf\xf0\xe8", "При"),
        ("text/html; charset=shift_jis", b"\x93\xfa\x96{", "日本"),
        ("text/plain; charset=utf-16le", b"h\0i\0", "hi"),
        ("text/plain", b"\xff\xfeh\0i\0", "hi"),
        ("text/plain; charset=nonsense", "é".as_bytes(), "é"),
        ("text/plain", b"caf\xe9", "caf\u{fffd}"),
    ] {
        let headers = Headers::from_iter([("Content-Type", kind)]);
        assert_eq!(text(&Body::full(bytes), &headers), wanted, "{kind}");
    }
    let plain = Headers::new();
    assert_eq!(as_text("é".as_bytes().get(..1).unwrap(), &plain).as_deref(), Some(""));
    assert_eq!(as_text(b"caf\xe9!", &plain), None);
    assert_eq!(as_text(b"\x89PNG\r\n\x1a\n\0\0", &plain), None);
}
