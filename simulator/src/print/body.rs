//! The body of a notification: the documented keys, in the documented order.

use serde::Serialize;

use super::plan::{Numbers, Plan, Remaining};
use super::platform::{Platform, Trouble};
use super::script::{Scene, layer};
use crate::splitmix::splitmix64;
use crate::wire::event_type::EventType;
use crate::wire::ids::{PrintId, PrinterId};

/// What a printer shows of itself in a notification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Face {
    /// `PrinterId`
    pub id: PrinterId,
    /// `PrinterName`
    pub name: String,
    /// `SecretKey`, where one was set; it goes into bodies and nowhere else.
    pub secret_key: Option<String>,
    /// What it runs.
    pub platform: Platform,
    /// How its numbers are written.
    pub numbers: Numbers,
}

impl Face {
    /// A printer of this name, as most are.
    pub fn named(id: PrinterId, name: impl Into<String>) -> Self {
        Self {
            id,
            name: name.into(),
            secret_key: None,
            platform: Platform::default(),
            numbers: Numbers::default(),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Body<'a> {
    printer_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    print_id: Option<&'a str>,
    event_type: EventType,
    printer_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret_key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    snapshot_url: Option<String>,
    quick_view_url: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    file_name: Option<&'a str>,
    duration_sec: Number,
    progress: Number,
    time_remaining_sec: Number,
    #[serde(rename = "ZOffsetMM", skip_serializing_if = "Option::is_none")]
    z_offset_mm: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    current_layer: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total_layers: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    platform_error_code: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Number {
    Whole(i64),
    Text(String),
}

impl Numbers {
    fn whole(self, value: impl Into<i64>) -> Number {
        match self {
            Self::Whole => Number::Whole(value.into()),
            Self::Text => Number::Text(value.into().to_string()),
        }
    }

    /// A float of Python's: a whole one keeps its `.0`.
    fn float(self, value: f64) -> Number {
        match self {
            #[expect(clippy::cast_possible_truncation, reason = "seconds and millimetres are small")]
            Self::Whole => Number::Whole(value as i64),
            Self::Text => Number::Text(format!("{value:?}")),
        }
    }

    /// Of tenths of a percent.
    fn percent(self, tenths: u32) -> Number {
        match self {
            Self::Text if !tenths.is_multiple_of(10) => Number::Text(format!("{}.{}", tenths / 10, tenths % 10)),
            _ => self.whole(tenths / 10),
        }
    }
}

const QUICK_VIEW: &str = "https://octoeverywhere.com/quickview";

/// During a print, or soon after it. Each upload of the same notification has a link of its own to the same picture.
pub(crate) fn during(face: &Face, print: &PrintId, plan: &Plan, scene: &Scene, upload: u32) -> String {
    let numbers = plan.numbers.unwrap_or(face.numbers);
    let platform = plan.platform.unwrap_or(face.platform);
    let current = layer(plan, scene.seconds);
    let total = match platform {
        // Until the first layer they know neither.
        Platform::Bambu | Platform::Elegoo | Platform::ElegooCc2 if scene.seconds == 0 => 0,
        _ => plan.layers,
    };
    let layers = platform.tells_layers().then_some((current, total));
    let about_layers = [EventType::FIRST_LAYER_COMPLETE, EventType::THIRD_LAYER_COMPLETE].contains(&scene.event);
    let z_offset = about_layers.then(|| platform.z_offset(current)).flatten();
    let remaining = match plan.remaining {
        Remaining::Estimate if scene.seconds > 0 => i64::from(plan.seconds.saturating_sub(scene.seconds)),
        _ => -1,
    };
    text(&Body {
        printer_id: face.id.as_str(),
        print_id: Some(print.as_str()),
        event_type: scene.event,
        printer_name: &face.name,
        secret_key: face.secret_key.as_deref(),
        snapshot_url: Some(format!(
            "https://octoeverywhere.com/snapshot/{}-{}-{upload}.jpg",
            print.as_str(),
            scene.at
        )),
        quick_view_url: QUICK_VIEW,
        file_name: Some(plan.file_name.as_deref().unwrap_or("None")),
        duration_sec: numbers.float(f64::from(scene.at) + fraction(scene)),
        progress: numbers.percent(scene.progress),
        time_remaining_sec: numbers.whole(remaining),
        z_offset_mm: z_offset.map(|hundredths| numbers.float(f64::from(hundredths) / 100.0)),
        current_layer: layers.map(|(current, _)| numbers.whole(current)),
        total_layers: layers.map(|(_, total)| numbers.whole(total)),
        error: scene.trouble.error,
        platform_error_code: scene.trouble.code,
    })
}

/// Outside of a print. Two of these can be equal to the byte.
pub(crate) fn outside(face: &Face, event: EventType, trouble: Trouble) -> String {
    let numbers = face.numbers;
    text(&Body {
        printer_id: face.id.as_str(),
        print_id: None,
        event_type: event,
        printer_name: &face.name,
        secret_key: face.secret_key.as_deref(),
        snapshot_url: None,
        quick_view_url: QUICK_VIEW,
        file_name: None,
        duration_sec: numbers.float(0.0),
        progress: numbers.whole(0),
        time_remaining_sec: numbers.whole(-1),
        z_offset_mm: None,
        current_layer: None,
        total_layers: None,
        error: trouble.error,
        platform_error_code: trouble.code,
    })
}

#[expect(clippy::expect_used, reason = "text and numbers always have a JSON form")]
fn text(body: &Body<'_>) -> String {
    serde_json::to_string(body).expect("a body has a JSON form")
}

/// What a clock shows behind the second.
fn fraction(scene: &Scene) -> f64 {
    let scatter = splitmix64(u64::from(scene.at) << 32 | u64::from(scene.event.0.unsigned_abs()));
    // Six digits of microseconds, never 0.
    f64::from((scatter % 999_999) as u32 + 1) / 1e6
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::print::plan::End;
    use crate::print::script::script;

    fn face(platform: Platform, numbers: Numbers) -> Face {
        Face {
            platform,
            numbers,
            ..Face::named(PrinterId::new("p1"), "Ender \"3\"")
        }
    }

    /// The first notification of this event in a print.
    fn first(face: &Face, plan: &Plan, event: EventType, upload: u32) -> String {
        let scenes = script(plan, face.platform);
        let scene = scenes.iter().find(|scene| scene.event == event).unwrap();
        during(face, &PrintId::numbered(1), plan, scene, upload).replace(PrintId::numbered(1).as_str(), "ID")
    }

    #[test]
    fn a_body_has_the_documented_keys_in_order_with_whole_numbers() {
        let face = Face {
            secret_key: Some("s".to_owned()),
            ..face(Platform::Klipper, Numbers::Whole)
        };
        let expected = concat!(
            r#"{"PrinterId":"p1","PrintId":"ID","EventType":6,"PrinterName":"Ender \"3\"","SecretKey":"s","#,
            r#""SnapshotUrl":"https://octoeverywhere.com/snapshot/ID-600-1.jpg","#,
            r#""QuickViewUrl":"https://octoeverywhere.com/quickview","FileName":"3DBenchy.gcode","DurationSec":600,"#,
            r#""Progress":10,"TimeRemainingSec":5400,"CurrentLayer":21,"TotalLayers":200}"#,
        );
        assert_eq!(first(&face, &Plan::default(), EventType::PRINT_PROGRESS, 1), expected);
    }

    #[test]
    fn a_body_as_the_plugin_hands_it_in_has_its_numbers_as_text() {
        let plan = Plan {
            file_name: None,
            remaining: Remaining::Unknown,
            end: End::Cancel,
            ..Plan::default()
        };
        let expected = concat!(
            r#"{"PrinterId":"p1","PrintId":"ID","EventType":3,"PrinterName":"Ender \"3\"","#,
            r#""SnapshotUrl":"https://octoeverywhere.com/snapshot/ID-3990-1.jpg","#,
            r#""QuickViewUrl":"https://octoeverywhere.com/quickview","FileName":"None","DurationSec":"3990.FRACTION","#,
            r#""Progress":"62.5","TimeRemainingSec":"-1","CurrentLayer":"126","TotalLayers":"200","#,
            r#""PlatformErrorCode":"CurrentStatus=0;PrintInfoStatus=8"}"#,
        );
        let body = first(
            &face(Platform::Elegoo, Numbers::Text),
            &plan,
            EventType::PRINT_FAILED,
            1,
        );
        let (before, rest) = body.split_once("\"3990.").unwrap();
        let (fraction, after) = rest.split_once('"').unwrap();
        assert!(fraction.parse::<u32>().is_ok_and(|digits| digits > 0), "{body}");
        assert_eq!(format!("{before}\"3990.FRACTION\"{after}"), expected);
    }

    #[test]
    fn layers_and_heights_are_what_the_platform_knows() {
        let unknown = r#""TimeRemainingSec":-1"#;
        for (platform, start, first_layer) in [
            (Platform::OctoPrint, "}", r#","ZOffsetMM":2}"#),
            (
                Platform::Klipper,
                r#","CurrentLayer":0,"TotalLayers":200}"#,
                r#","CurrentLayer":2,"TotalLayers":200}"#,
            ),
            (
                Platform::Bambu,
                r#","CurrentLayer":0,"TotalLayers":0}"#,
                r#","ZOffsetMM":40,"CurrentLayer":2,"TotalLayers":200}"#,
            ),
            (Platform::PrusaLink, "}", r#","ZOffsetMM":0}"#),
        ] {
            let face = face(platform, Numbers::Whole);
            let body = first(&face, &Plan::default(), EventType::PRINT_STARTED, 1);
            assert!(body.ends_with(&format!("{unknown}{start}")), "{body}");
            let body = first(&face, &Plan::default(), EventType::FIRST_LAYER_COMPLETE, 1);
            assert!(body.ends_with(first_layer), "{body}");
        }
    }

    #[test]
    fn another_upload_has_another_link_and_nothing_else() {
        for numbers in [Numbers::Whole, Numbers::Text] {
            let face = face(Platform::PrusaLink, numbers);
            let upload = |number| first(&face, &Plan::default(), EventType::PRINT_PAUSED, number);
            assert_ne!(upload(1), upload(2));
            assert_eq!(upload(1), upload(2).replace("-2.jpg", "-1.jpg"));
        }
    }

    #[test]
    fn no_two_notifications_of_a_print_are_equal() {
        for platform in Platform::ALL {
            let face = face(platform, Numbers::Whole);
            for number in 0..300 {
                let plan = Plan::varied(platform, number);
                let scenes = script(&plan, platform);
                let body = |scene| during(&face, &PrintId::numbered(number), &plan, scene, 1);
                let bodies: HashSet<String> = scenes.iter().map(body).collect();
                assert_eq!(bodies.len(), scenes.len(), "{plan:?}");
            }
        }
    }

    #[test]
    fn a_body_outside_a_print_has_no_print_and_a_duration_of_nothing() {
        let expected = concat!(
            r#"{"PrinterId":"p1","EventType":9,"PrinterName":"Ender \"3\"","#,
            r#""QuickViewUrl":"https://octoeverywhere.com/quickview","DurationSec":"0.0","Progress":"0","#,
            r#""TimeRemainingSec":"-1","Error":"Klipper Disconnected","PlatformErrorCode":"klippy_disconnected"}"#,
        );
        let face = face(Platform::Klipper, Numbers::Text);
        let trouble = Platform::Klipper.errors()[0];
        assert_eq!(outside(&face, EventType::PRINTER_ERROR, trouble), expected);
        assert!(
            outside(
                &Face {
                    numbers: Numbers::Whole,
                    ..face
                },
                EventType::TEST,
                Trouble::default()
            )
            .contains(r#""DurationSec":0,"Progress":0,"TimeRemainingSec":-1}"#)
        );
    }

    #[test]
    fn print_ids_are_sixty_capitals_and_digits_each_another() {
        let ids: HashSet<PrintId> = (0..1_000).map(PrintId::numbered).collect();
        assert_eq!(ids.len(), 1_000);
        for id in &ids {
            assert_eq!(id.as_str().len(), 60);
            assert!(
                id.as_str()
                    .bytes()
                    .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
            );
        }
        assert_ne!(PrintId::random(), PrintId::random());
    }
}
