//! The body of a notification: the documented keys, in the documented order, with plausible values.

use serde::Serialize;

use crate::service::printer::Face;
use crate::wire::event_type::EventType;

/// How far a print is.
#[derive(Clone, Debug)]
pub(crate) struct Moment {
    pub(crate) print_id: String,
    pub(crate) file_name: String,
    pub(crate) seconds: u32,
    pub(crate) of_seconds: u32,
    pub(crate) layer: u32,
    pub(crate) of_layers: u32,
}

impl Moment {
    fn progress(&self) -> u32 {
        (self.seconds * 100 / self.of_seconds).min(100)
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Payload<'a> {
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
    #[serde(flatten)]
    progress: Option<PrintProgress<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    platform_error_code: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct PrintProgress<'a> {
    file_name: &'a str,
    duration_sec: u32,
    progress: u32,
    time_remaining_sec: u32,
    #[serde(rename = "ZOffsetMM")]
    z_offset_mm: u32,
    current_layer: u32,
    total_layers: u32,
}

/// The payload of an event, during a print or outside of one.
#[expect(clippy::expect_used, reason = "text and numbers always have a JSON form")]
pub(crate) fn text(printer: &Face, event: EventType, moment: Option<&Moment>) -> String {
    let (error, platform_error_code) = match event {
        EventType::PRINTER_ERROR => (Some("Thermal runaway at the hotend"), Some("E0301")),
        EventType::PRINT_FAILED => (Some("Cancelled at the printer"), None),
        _ => (None, None),
    };
    let payload = Payload {
        printer_id: printer.id.as_str(),
        print_id: moment.map(|moment| moment.print_id.as_str()),
        event_type: event,
        printer_name: &printer.name,
        secret_key: printer.secret_key.as_deref(),
        snapshot_url: moment.map(|moment| {
            format!(
                "https://octoeverywhere.com/snapshot/{}-{}.jpg",
                moment.print_id, moment.seconds
            )
        }),
        quick_view_url: "https://octoeverywhere.com/quickview",
        progress: moment.map(|moment| PrintProgress {
            file_name: &moment.file_name,
            duration_sec: moment.seconds,
            progress: moment.progress(),
            time_remaining_sec: moment.of_seconds.saturating_sub(moment.seconds),
            z_offset_mm: moment.layer / LAYERS_A_MILLIMETRE,
            current_layer: moment.layer,
            total_layers: moment.of_layers,
        }),
        error,
        platform_error_code,
    };
    serde_json::to_string(&payload).expect("a payload has a JSON form")
}

/// 0.2 mm a layer.
const LAYERS_A_MILLIMETRE: u32 = 5;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::ids::PrinterId;

    fn face(secret_key: Option<&str>) -> Face {
        Face {
            id: PrinterId::new("p1"),
            name: "Ender \"3\"".into(),
            secret_key: secret_key.map(Into::into),
        }
    }

    #[test]
    fn a_payload_during_a_print_has_the_documented_keys_in_order() {
        let moment = Moment {
            print_id: "print".into(),
            file_name: "benchy.gcode".into(),
            seconds: 1_800,
            of_seconds: 6_000,
            layer: 60,
            of_layers: 200,
        };
        let expected = concat!(
            r#"{"PrinterId":"p1","PrintId":"print","EventType":6,"PrinterName":"Ender \"3\"","SecretKey":"s","#,
            r#""SnapshotUrl":"https://octoeverywhere.com/snapshot/print-1800.jpg","#,
            r#""QuickViewUrl":"https://octoeverywhere.com/quickview","FileName":"benchy.gcode","DurationSec":1800,"#,
            r#""Progress":30,"TimeRemainingSec":4200,"ZOffsetMM":12,"CurrentLayer":60,"TotalLayers":200}"#,
        );
        assert_eq!(
            text(&face(Some("s")), EventType::PRINT_PROGRESS, Some(&moment)),
            expected
        );
    }

    #[test]
    fn a_payload_outside_a_print_has_no_print_and_no_secret_that_was_not_set() {
        let expected = concat!(
            r#"{"PrinterId":"p1","EventType":9,"PrinterName":"Ender \"3\"","#,
            r#""QuickViewUrl":"https://octoeverywhere.com/quickview","Error":"Thermal runaway at the hotend","#,
            r#""PlatformErrorCode":"E0301"}"#,
        );
        assert_eq!(text(&face(None), EventType::PRINTER_ERROR, None), expected);
    }
}
