//! What a print tells of itself, without a server: on each platform, however it goes and ends.
//!
//! A [`Plan`] says what to print and how it goes, a [`Print`] is one such print with an id of its own:
//! ```
//! use printbell_simulator::PrinterId;
//! use printbell_simulator::print::{End, Face, Plan, Platform, Print};
//!
//! let face = Face::named(PrinterId::new("p1"), "Workshop printer");
//! let print = Print::numbered(1, Plan::ending(Platform::Bambu, End::Cancel))?;
//! let cancel = print.bodies(&face).find(|body| body.contains(r#""EventType":3,"#)).unwrap();
//! assert!(cancel.ends_with(r#""Error":"Printing was cancelled.","PlatformErrorCode":"0500400E"}"#));
//! # Ok::<(), printbell_simulator::print::InvalidPlan>(())
//! ```

mod body;
mod plan;
mod platform;
mod script;
mod speed;
mod words;

pub use body::Face;
pub use plan::{End, InvalidPlan, Numbers, Pause, Plan, Remaining};
pub use platform::{PauseCause, Platform, Trouble};
pub use script::Scene;
pub(crate) use speed::Speed;

use crate::wire::event_type::EventType;
use crate::wire::ids::PrintId;

/// One print, with an id of its own.
#[derive(Clone, Debug)]
pub struct Print {
    id: PrintId,
    plan: Plan,
}

impl Print {
    /// A print with an id that nobody can guess.
    ///
    /// # Errors
    /// When there is no such print.
    pub fn new(plan: Plan) -> Result<Self, InvalidPlan> {
        Self::with_id(PrintId::random(), plan)
    }

    /// A print whose id is the same for the same number.
    ///
    /// # Errors
    /// When there is no such print.
    pub fn numbered(number: u64, plan: Plan) -> Result<Self, InvalidPlan> {
        Self::with_id(PrintId::numbered(number), plan)
    }

    fn with_id(id: PrintId, plan: Plan) -> Result<Self, InvalidPlan> {
        plan.check()?;
        Ok(Self { id, plan })
    }

    /// Its notifications in order, as this printer tells them.
    pub fn scenes(&self, face: &Face) -> Vec<Scene> {
        script::script(&self.plan, self.plan.platform.unwrap_or(face.platform))
    }

    /// The body of one of them. Sent once more, as the `upload`-th (from 1), it differs in its `SnapshotUrl`.
    pub fn body(&self, face: &Face, scene: &Scene, upload: u32) -> String {
        body::during(face, &self.id, &self.plan, scene, upload)
    }

    /// The bodies of all its notifications, in order.
    pub fn bodies(&self, face: &Face) -> impl DoubleEndedIterator<Item = String> {
        let scenes = self.scenes(face).into_iter();
        scenes.map(|scene| self.body(face, &scene, 1))
    }
}

/// The body of an event that comes by itself, as likely as can be.
#[expect(clippy::expect_used, reason = "the plans made here are good ones")]
pub(crate) fn single(face: &Face, event: EventType) -> String {
    let trouble = match event {
        EventType::PRINTER_ERROR => face.platform.errors()[0],
        EventType::NOTIFICATION_LIMIT | EventType::TEST => Trouble::default(),
        _ => {
            let end = match event {
                EventType::PRINT_FAILED => End::Cancel,
                _ => End::Complete,
            };
            let plan = Plan { end, ..Plan::default() };
            let print = Print::new(plan).expect("the default print is one");
            let scenes = print.scenes(face);
            let likely = scenes.iter().find(|scene| scene.event == event);
            // One that this print or this platform doesn't have comes in the middle.
            let middle = Scene {
                event,
                trouble: Trouble::default(),
                ..scenes[scenes.len() / 2]
            };
            return print.body(face, likely.unwrap_or(&middle), 1);
        }
    };
    body::outside(face, event, trouble)
}
