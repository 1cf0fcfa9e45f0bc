//! Who and what there is: two registrations of one tenant, two tokens, and the wishes that go with them.

use std::sync::LazyLock;

use printbell_shared::id::RegistrationKey;
use printbell_shared::registration::Registration;
use printbell_shared::registration::app_connection::AppConnection;
use printbell_shared::registration::claim::Claim;
use printbell_shared::registration::wish::{EventFilter, Wish};
use secrecy::SecretString;

/// One of the two registrations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Key {
    P,
    Q,
}

/// One of the two tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Token {
    A,
    B,
}

/// What the app wants for a registration: a token, and a number that tells this wish from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Wanted {
    pub token: Token,
    pub number: u8,
}

/// A wish that OctoEverywhere refuses, always, whatever the token.
pub const BAD_WISH: u8 = 9;
/// What an existing registration was put with.
pub const FIRST_WISH: u8 = 8;

/// Which App Connection each token is of, and whether the app says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connections {
    /// Each token is of its own.
    Two,
    /// Both are of one, and nobody says so.
    OneUnknown,
    /// Both are of one, and its id came with them.
    OneKnown,
}

impl Connections {
    /// Which webhook this token is for.
    pub fn of(self, token: Token) -> usize {
        match self {
            Self::Two => token as usize,
            Self::OneUnknown | Self::OneKnown => 0,
        }
    }

    /// What a PUT with this token gives.
    pub fn connection(self, token: Token) -> AppConnection {
        static TOKENS: LazyLock<[AppConnection; 2]> = LazyLock::new(|| {
            ["A", "B"].map(|text| AppConnection {
                token: SecretString::from(text).try_into().unwrap(),
                id: None,
            })
        });
        AppConnection {
            id: (self == Self::OneKnown).then(|| "c".parse().unwrap()),
            ..TOKENS[token as usize].clone()
        }
    }

    pub fn wish(self, wanted: Wanted) -> Wish {
        Wish {
            connection: Some(self.connection(wanted.token)),
            events: events(wanted.number),
            metadata: Default::default(),
        }
    }
}

/// What tells a wish from others: which events it is for.
pub fn events(number: u8) -> EventFilter {
    EventFilter::new([i64::from(number)]).unwrap()
}

/// The number of a row's wish.
pub fn number(row: &Registration) -> u8 {
    row.wish.events.types().first().map_or(0, |number| *number as u8)
}

/// Which of the two tokens this is.
pub fn token(connection: &AppConnection) -> Token {
    match connection.token.expose() {
        "A" => Token::A,
        _ => Token::B,
    }
}

/// What a row wants; `None`: it has no token.
pub fn wanted(row: &Registration) -> Option<Wanted> {
    let connection = row.wish.connection.as_ref()?;
    Some(Wanted {
        token: token(connection),
        number: number(row),
    })
}

impl Key {
    pub const ALL: [Self; 2] = [Self::P, Self::Q];

    pub fn of(key: &RegistrationKey) -> Self {
        match key.printer.as_str() {
            "p" => Self::P,
            _ => Self::Q,
        }
    }

    pub fn key(self) -> &'static RegistrationKey {
        static KEYS: LazyLock<[RegistrationKey; 2]> = LazyLock::new(|| {
            ["p", "q"].map(|printer| RegistrationKey {
                tenant: "t".parse().unwrap(),
                printer: printer.parse().unwrap(),
            })
        });
        &KEYS[self as usize]
    }
}

/// What can be held: each of the tokens, and their App Connection where its id is known.
pub const CLAIMS: usize = 3;

/// Which claim this is.
pub fn claim(claim: &Claim) -> usize {
    static KNOWN: LazyLock<Vec<Claim>> = LazyLock::new(|| {
        let one = Connections::OneKnown;
        let of = |token| Claim::of(&one.connection(token)).collect::<Vec<_>>();
        vec![of(Token::A)[0], of(Token::B)[0], of(Token::A)[1]]
    });
    KNOWN.iter().position(|known| known == claim).unwrap()
}

/// What a connection claims.
pub fn claims(connection: &AppConnection) -> impl Iterator<Item = usize> + use<> {
    [Some(token(connection) as usize), connection.id.as_ref().map(|_| 2)]
        .into_iter()
        .flatten()
}
