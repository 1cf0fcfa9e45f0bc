//! A webhook's URL: strictly checked once, then stored and called byte for byte.

use http::uri::{Authority, PathAndQuery, Scheme};

/// A URL that can be called exactly as it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WebhookUrl {
    text: String,
    pub(crate) scheme: Scheme,
    pub(crate) authority: Authority,
    /// What a request asks for: path and query, byte for byte.
    pub(crate) target: PathAndQuery,
}

/// Which URLs may be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Schemes {
    /// The specification's rule.
    HttpsOnly,
    /// For receivers on this machine that have no certificate.
    HttpToo,
}

impl WebhookUrl {
    /// Reads a URL as RFC 3986 writes them. What a sender would have to change before it could call it (a space, a
    /// letter that isn't ASCII, a fragment) is refused, with a sentence that says what to do.
    pub(crate) fn read(text: &str, schemes: Schemes) -> Result<Self, String> {
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err("it must be an absolute URL, https://…".to_owned());
        };
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "https" => Scheme::HTTPS,
            "http" if schemes == Schemes::HttpToo => Scheme::HTTP,
            _ => return Err(format!("it must be an https URL, not {scheme}")),
        };
        check_characters(text)?;
        let path_from = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority_text, rest) = rest.split_at(path_from);
        check_authority(authority_text)?;
        let target_text = if rest.starts_with('/') {
            rest.to_owned()
        } else {
            format!("/{rest}")
        };

        let unusable = |error: http::uri::InvalidUri| format!("it isn't a usable URL: {error}");
        let authority: Authority = authority_text.parse().map_err(unusable)?;
        let target: PathAndQuery = target_text.parse().map_err(unusable)?;
        // What passed the checks is called as it stands; should the parser ever disagree, say so rather than call
        // another URL.
        if authority.as_str() != authority_text || target.as_str() != target_text {
            return Err("it can't be called exactly as given".to_owned());
        }
        Ok(Self {
            text: text.to_owned(),
            scheme,
            authority,
            target,
        })
    }

    /// As it was set.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// The `Host` header: the URL's own host, and its port unless the scheme implies it.
    pub(crate) fn host(&self) -> &str {
        let implied = if self.scheme == Scheme::HTTPS { 443 } else { 80 };
        match self.authority.port_u16() {
            Some(port) if port != implied => self.authority.as_str(),
            _ => self.authority.host(),
        }
    }
}

/// The characters of RFC 3986 without `#`, each percent sign with its two hexadecimal digits.
fn check_characters(text: &str) -> Result<(), String> {
    if text.contains('#') {
        return Err("it has a fragment (#…), which no request can carry".to_owned());
    }
    let legal = |c: char| c.is_ascii_alphanumeric() || "-._~:/?@!$&'()*+,;=%[]".contains(c);
    if let Some(odd) = text.chars().find(|&c| !legal(c)) {
        return Err(format!("{odd:?} can't stand in a URL; percent-encode it"));
    }
    for (at, _) in text.match_indices('%') {
        let digits = text.as_bytes().get(at + 1..at + 3);
        if !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) {
            return Err("a % isn't followed by two hexadecimal digits; write %25 for a percent sign".to_owned());
        }
    }
    Ok(())
}

fn check_authority(authority: &str) -> Result<(), String> {
    if authority.contains('@') {
        return Err("it carries a user name (…@), which no request can carry".to_owned());
    }
    let after_host = match authority.rsplit_once(']') {
        Some((_, after)) => after,
        None => authority.find(':').map_or("", |colon| &authority[colon..]),
    };
    let host = &authority[..authority.len() - after_host.len()];
    if host.is_empty() {
        return Err("it has no host".to_owned());
    }
    let port_is_good = match after_host.strip_prefix(':') {
        Some(port) => {
            port.bytes().all(|digit| digit.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0)
        }
        None => after_host.is_empty(),
    };
    if !port_is_good {
        return Err("its port must be a number from 1 to 65535".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_but_legal_urls_keep_every_byte() {
        for (url, target, host) in [
            ("https://example.com", "/", "example.com"),
            ("https://example.com?a=1", "/?a=1", "example.com"),
            ("https://example.com/?", "/?", "example.com"),
            ("https://Example.COM/Path", "/Path", "Example.COM"),
            ("HTTPS://example.com:443/", "/", "example.com"),
            ("https://example.com:80/", "/", "example.com:80"),
            ("http://example.com:80/", "/", "example.com"),
            (
                "https://example.com:8443/a/../b/./c//d",
                "/a/../b/./c//d",
                "example.com:8443",
            ),
            (
                "https://example.com/%2e%2E/%7e%7E~?%41=%e2%82%ac&b=%20+x",
                "/%2e%2E/%7e%7E~?%41=%e2%82%ac&b=%20+x",
                "example.com",
            ),
            (
                "https://example.com/;p=1,2/@:!$&'()*+?q=/?&&==&a=1&a=2&",
                "/;p=1,2/@:!$&'()*+?q=/?&&==&a=1&a=2&",
                "example.com",
            ),
            ("https://[::1]:9000/x", "/x", "[::1]:9000"),
            ("https://10.0.0.1/x?a[]=1", "/x?a[]=1", "10.0.0.1"),
        ] {
            let webhook_url = WebhookUrl::read(url, Schemes::HttpToo).unwrap_or_else(|error| panic!("{url}: {error}"));
            assert_eq!(webhook_url.as_str(), url);
            assert_eq!(webhook_url.target.as_str(), target, "{url}");
            assert_eq!(webhook_url.host(), host, "{url}");
        }
    }

    #[test]
    fn urls_that_cannot_be_called_as_given_are_refused() {
        for (url, part_of_the_reason) in [
            ("", "absolute"),
            ("example.com/x", "absolute"),
            ("/x", "absolute"),
            ("http://example.com/x", "https URL, not http"),
            ("ftp://example.com/x", "https URL, not ftp"),
            (" https://example.com/x", "https URL"),
            ("https://", "no host"),
            ("https:///x", "no host"),
            ("https://:443/x", "no host"),
            ("https://example.com:/x", "port"),
            ("https://example.com:0/x", "port"),
            ("https://example.com:65536/x", "port"),
            ("https://example.com:4x3/x", "port"),
            ("https://[::1]x/", "port"),
            ("https://user:secret@example.com/x", "user name"),
            ("https://example.com/x#top", "fragment"),
            ("https://example.com/a b", "percent-encode"),
            ("https://example.com/x\n", "percent-encode"),
            ("https://example.com/é", "percent-encode"),
            ("https://example.com/{id}", "percent-encode"),
            ("https://example.com/x?a=\"b\"", "percent-encode"),
            ("https://example.com/x?a=|", "percent-encode"),
            ("https://example.com/100%", "hexadecimal"),
            ("https://example.com/%zz", "hexadecimal"),
        ] {
            let refusal = WebhookUrl::read(url, Schemes::HttpsOnly).expect_err(url);
            assert!(refusal.contains(part_of_the_reason), "{url}: {refusal}");
        }
    }
}
