//! Forms, as the query protocol sends them.

/// The pairs of a form (`application/x-www-form-urlencoded`), decoded.
pub(super) fn pairs(body: &[u8]) -> impl Iterator<Item = (String, String)> {
    body.split(|byte| *byte == b'&').filter_map(|pair| {
        let mut halves = pair.splitn(2, |byte| *byte == b'=');
        let decode = |text: &[u8]| {
            let spaced: Vec<u8> = text
                .iter()
                .map(|byte| if *byte == b'+' { b' ' } else { *byte })
                .collect();
            percent_encoding::percent_decode(&spaced)
                .decode_utf8_lossy()
                .into_owned()
        };
        Some((decode(halves.next()?), decode(halves.next().unwrap_or_default())))
    })
}
