use super::*;
use crate::notification::payload::Payload;

/// How a print ended whose "print failed" has these, as JSON.
fn outcome(error: Option<&str>, code: Option<&str>) -> Outcome {
    let member = |name, value: Option<&str>| value.map(|value| format!(r#","{name}":{value}"#)).unwrap_or_default();
    let (error, code) = (member("Error", error), member("PlatformErrorCode", code));
    let body = format!(r#"{{"EventType":3{error}{code}}}"#);
    Payload::read(body.as_bytes()).unwrap().outcome().unwrap()
}

/// The same of plain texts.
fn outcome_of_texts(error: Option<&str>, code: Option<&str>) -> Outcome {
    let json = |text: Option<&str>| text.map(|text| serde_json::to_string(text).unwrap());
    outcome(json(error).as_deref(), json(code).as_deref())
}

#[test]
fn a_cancel_on_each_platform_is_no_failure() {
    // As the plugin sends it: Error, PlatformErrorCode.
    let table = [
        // OctoPrint
        (Some("cancelled"), Some("PrintFailed")),
        // Klipper
        (None, Some("cancelled")),
        // Bambu Lab
        (Some("Printing was cancelled."), Some("0500400E")),
        (Some("The task was canceled."), Some("0300400C")),
        // Elegoo
        (None, Some("CurrentStatus=0;PrintInfoStatus=8")),
        (None, Some("CurrentStatus=1;PrintInfoStatus=8")),
        (None, Some("CurrentStatus=0;PrintInfoStatus=14")),
        (None, Some("PrintInfoStatus=14")),
        // Elegoo Centauri Carbon 2
        (Some("Stopping"), Some("machine_status=2;sub_status=2503")),
        (Some("Stopped"), Some("machine_status=2;sub_status=2504")),
        // PrusaLink
        (None, Some("printer_state=STOPPED;job_state=STOPPED")),
        (None, Some("printer_state=BUSY;job_state=STOPPED")),
        (None, Some("printer_state=STOPPED")),
        // the plugin's own test
        (Some("Stopped"), Some("STOPPED")),
    ];
    for (error, code) in table {
        assert_eq!(outcome_of_texts(error, code), Outcome::Stopped, "{error:?} {code:?}");
    }
}

#[test]
fn of_the_plugin_s_texts_two_are_a_cancel() {
    // Every text in the plugin's table of Bambu Lab's errors with "cancel" or "stop" in it (bambuerrors.py, commit 74ca676).
    const DRYING: &str = "is drying. Please stop drying process before loading/unloading material.";
    let drying = [
        ("07008017", "AMS A"),
        ("07018017", "AMS B"),
        ("07028017", "AMS C"),
        ("07038017", "AMS D"),
        ("18008017", "AMS-HT A"),
        ("18018017", "AMS-HT B"),
        ("18028017", "AMS-HT C"),
        ("18038017", "AMS-HT D"),
    ]
    .map(|(code, unit)| (code, format!("{unit} {DRYING}")));
    let others = [
        ("03004000", "Z axis homing failed; the task has been stopped."),
        ("03004002", "Auto Bed Leveling failed; the task has been stopped."),
        ("05004003", "Printing stopped because the printer was unable to parse the file. Please resend your print job."),
        ("0502402D", "Printing stopped because the printer was unable to parse the 3mf file. Please resend your print job."),
        ("0502402E", "Printing stopped because the printer was unable to parse the 3mf file. Please resend your print job."),
        ("0502402F", "Printing stopped because the printer was unable to parse the 3mf file. Please resend your print job."),
        ("05024030", "Failed to parse the G-code file. The task has been stopped. Please restart the G-code task."),
        ("03008014", "The nozzle is covered with filament, or the build plate is installed incorrectly. Please cancel this print and clean the nozzle or adjust the build plate according to the actual status. You can also select \"Resume\" to resume the print job."),
        ("03008016", "The nozzle is clogged with filament. Please cancel this print and clean the nozzle or select \"Resume\" to resume the print job."),
        ("05004042", "Printing and calibration cannot be performed while the AMS is drying. Please stop the drying process or connect a power adapter to any AMS unit not used for the current print, then try again."),
        ("0300806E", "Abnormal nozzle temperature control detected; the heating module may be damaged. Please disconnect the power immediately and stop using the device."),
        ("0300806F", "Abnormal temperature rise detected on the heatbed. The heating module may be damaged. Please power off the device immediately and stop using it."),
    ]
    .map(|(code, text)| (code, text.to_owned()));
    let failures: Vec<_> = drying.into_iter().chain(others).collect();
    assert_eq!(failures.len(), 20);
    for (code, text) in failures {
        assert_eq!(outcome_of_texts(Some(&text), Some(code)), Outcome::Failed, "{text}");
        // By itself, too.
        assert_eq!(outcome_of_texts(Some(&text), None), Outcome::Failed, "{text}");
        assert_eq!(outcome_of_texts(None, Some(code)), Outcome::Failed, "{code}");
        // It takes the place of any code.
        assert_eq!(
            outcome_of_texts(Some(&text), Some("cancelled")),
            Outcome::Failed,
            "{text}"
        );
    }
    for (code, text) in [
        ("0500400E", "Printing was cancelled."),
        ("0300400C", "The task was canceled."),
    ] {
        assert_eq!(outcome_of_texts(Some(text), None), Outcome::Stopped, "{text}");
        assert_eq!(outcome_of_texts(None, Some(code)), Outcome::Stopped, "{code}");
    }
}

#[test]
fn what_the_plugin_s_real_failures_say_is_no_cancel() {
    let table = [
        (Some("error"), Some("PrintFailed")),
        (Some("Error"), Some("0300400F")),
        (None, Some("FAILED")),
        (None, Some("error")),
        (None, Some("klippy_shutdown")),
        (Some("Printer stopped"), Some("error")),
        (Some("Emergency Stop"), Some("machine_status=14;sub_status=0")),
        (None, Some("machine_status=2;sub_status=2504")),
        (None, Some("CurrentStatus=8;PrintInfoStatus=1")),
        (None, Some("printer_state=ERROR;job_state=ERROR")),
        (
            Some("Heatbed thermal runaway"),
            Some("printer_state=STOPPED;job_state=STOPPED"),
        ),
        (None, None),
    ];
    for (error, code) in table {
        assert_eq!(outcome_of_texts(error, code), Outcome::Failed, "{error:?} {code:?}");
    }
}

#[test]
fn near_a_cancel_is_a_failure_and_its_case_and_margins_don_t_matter() {
    use Outcome::{Failed, Stopped};
    // Error and PlatformErrorCode, in JSON.
    let table = [
        // Case and margins
        (Some(r#""CANCELLED""#), None, Stopped),
        (Some(r#""  Canceled\n""#), None, Stopped),
        (Some(r#""printing WAS cancelled.""#), None, Stopped),
        (Some(r#""\u0043ancelled""#), None, Stopped),
        (None, Some(r#""0500400e""#), Stopped),
        (None, Some(r#"" 0300400c ""#), Stopped),
        (None, Some(r#""Printer_State=stopped""#), Stopped),
        (None, Some(r#""a=1 ; printinfostatus=14 ;b=2""#), Stopped),
        (None, Some(r#"";job_state=STOPPED;""#), Stopped),
        (Some(r#""printer_state=STOPPED;job_state=STOPPED""#), None, Stopped),
        // One that isn't there
        (Some("null"), Some(r#""cancelled""#), Stopped),
        (Some(r#""""#), Some(r#""cancelled""#), Stopped),
        (Some(r#""None""#), Some(r#""0500400E""#), Stopped),
        (Some(r#"" ""#), Some(r#""cancelled""#), Stopped),
        (Some(r#""None""#), Some(r#""None""#), Failed),
        (Some("null"), Some("null"), Failed),
        (Some(r#""cancelled""#), Some(r#""None""#), Stopped),
        (Some(r#""cancelled""#), Some(r#""03004000""#), Stopped),
        // More than the word, or less
        (
            Some(r#""Z axis homing failed; the task has been stopped""#),
            None,
            Failed,
        ),
        (Some(r#""cancelled by thermal protection""#), None, Failed),
        (Some(r#""not cancelled""#), None, Failed),
        (Some(r#""cancelled.""#), None, Failed),
        (Some(r#""Printing was cancelled""#), None, Failed),
        (Some(r#""The task was cancelled.""#), None, Failed),
        (Some(r#""cancel""#), None, Failed),
        (Some(r#""stop""#), None, Failed),
        (Some(r#""unstopped""#), None, Failed),
        (Some(r#""error; cancelled""#), None, Failed),
        (None, Some(r#""failed;stopped""#), Failed),
        (None, Some(r#""00500400E""#), Failed),
        (None, Some(r#""0500-400E""#), Failed),
        (None, Some(r#""0500400F""#), Failed),
        (None, Some(r#""PrintInfoStatus=80""#), Failed),
        (None, Some(r#""PrintInfoStatus=1;4""#), Failed),
        (None, Some(r#""PrintInfoStatus = 8""#), Failed),
        (None, Some(r#""LastPrintInfoStatus=8""#), Failed),
        (None, Some(r#""printer_state=STOPPED,job_state=STOPPED""#), Failed),
        (None, Some(r#""old_printer_state=STOPPED""#), Failed),
        // Error has the word, whatever the code says
        (Some(r#""error""#), Some(r#""cancelled""#), Failed),
        (Some(r#""Heater fault""#), Some(r#""0500400E""#), Failed),
        (Some(r#""none""#), Some(r#""cancelled""#), Failed),
        (Some(r#""0""#), Some(r#""cancelled""#), Failed),
        // Other values than texts
        (Some("0"), Some(r#""cancelled""#), Failed),
        (Some("false"), Some(r#""cancelled""#), Failed),
        (Some(r#"["cancelled"]"#), None, Failed),
        (Some(r#"{"a":";job_state=STOPPED;"}"#), None, Failed),
        (Some(r#""\ud800""#), Some(r#""cancelled""#), Failed),
        (None, Some("8"), Failed),
        (None, Some("83902478"), Failed),
        (None, Some(r#"["cancelled"]"#), Failed),
    ];
    for (error, code, expected) in table {
        assert_eq!(outcome(error, code), expected, "{error:?} {code:?}");
    }
}

#[test]
fn the_last_error_counts_and_other_events_end_no_print() {
    let outcome = |body: &str| Payload::read(body.as_bytes()).unwrap().outcome();
    let table = [
        (
            r#"{"EventType":3,"Error":"error","Error":"cancelled"}"#,
            Some(Outcome::Stopped),
        ),
        (
            r#"{"EventType":3,"Error":"cancelled","Error":"error"}"#,
            Some(Outcome::Failed),
        ),
        (
            r#"{"EventType":3,"Error":"error","Error":null,"\u0050latformErrorCode":"cancelled"}"#,
            Some(Outcome::Stopped),
        ),
        (r#"{"Error":"cancelled","EventType":"3"}"#, Some(Outcome::Stopped)),
        (r#"{"EventType":2,"EventType":3}"#, Some(Outcome::Failed)),
        (r#"{"EventType":3,"error":"cancelled"}"#, Some(Outcome::Failed)),
        (r#"{"EventType":2}"#, Some(Outcome::Complete)),
        (r#"{"EventType":2.0,"Error":"cancelled"}"#, Some(Outcome::Complete)),
        (r#"{"EventType":9,"Error":"cancelled"}"#, None),
        (r#"{"EventType":4,"PlatformErrorCode":"stopped"}"#, None),
        (r#"{"EventType":"over","Error":"cancelled"}"#, None),
    ];
    for (body, expected) in table {
        assert_eq!(outcome(body), expected, "{body}");
    }
}
