//! What the topic is told when, and what happens while it can't be told.

use super::*;

/// Active since now, and nobody knows.
fn untold() -> Renewal {
    Renewal {
        status_change: Some(StatusChange::new(News::Active, NOW)),
        ..active()
    }
}

/// The row after the topic couldn't be told.
fn postponed(row: Renewal, now: EpochSeconds) -> Renewal {
    let leased = row.lease(now, deadline(now)).expect("news are due");
    leased.postponed(leased.revision, now).expect("held")
}

#[test]
fn what_cannot_be_told_is_tried_after_as_long_as_it_has_waited() {
    let mut row = untold();
    let mut now = NOW;
    for minutes in [15, 15, 30, 60, 120, 240, 480, 960, 1440, 1440, 1440] {
        row = postponed(row, now);
        let due = row.status_change.unwrap().due;
        assert_eq!(due - now, MINUTE * minutes);
        assert_eq!(row.lease(due + -MINUTE, deadline(due)), None, "not before");
        now = due;
    }
}

#[test]
fn a_row_whose_news_wait_is_in_the_index_for_what_comes_first() {
    let soon = NOW + MINUTE * 15;
    let table = [
        ("the call first", Some(NOW + MINUTE), Some(NOW + MINUTE)),
        ("the news first", Some(NOW + DAY), Some(soon)),
        ("no call at all", None, Some(soon)),
    ];
    for (what, due, index) in table {
        let row = Renewal {
            due,
            ..postponed(untold(), NOW)
        };
        assert_eq!(row.index(), index, "{what}");
    }
}

#[test]
fn calls_come_before_news() {
    let due = Renewal {
        due: Some(NOW),
        ..untold()
    };
    let leased = due.lease(NOW, deadline(NOW)).unwrap();
    assert!(leased.call(NOW).is_some());

    let later = NOW + MINUTE;
    let waits = Renewal {
        due: Some(later),
        ..postponed(due, NOW)
    };
    let leased = waits.lease(later, deadline(later)).unwrap();
    let call = leased.call(later).unwrap();
    let (row, _) = written(leased.settle(SLOT, &call, &ResponseClass::Applied, 0, later));
    assert_eq!(
        (row.lease, row.status_change),
        (None, waits.status_change),
        "news that wait hold up nobody"
    );
}

#[test]
fn newer_news_are_told_at_once_instead() {
    let row = postponed(untold(), NOW);
    let (row, _, news) = row.announced(ResponseClass::Suspended, NOW + MINUTE);
    assert_eq!((row.status_change, news), (None, vec![News::Suspended]));
}

#[test]
fn a_change_that_was_accepted_for_later_is_told_to_be_refused() {
    use News::{Refused, Revoked};
    let put = |existing: Option<Renewal>| {
        let row = leased(Renewal::put(existing.as_ref(), NOW), NOW);
        row.release(row.revision).unwrap()
    };
    let robbed = Renewal {
        old_tokens: 1,
        ..active()
    };
    let revoked = Renewal {
        status: Status::Revoked,
        ..active()
    };
    let replaced = |row: Renewal| Renewal {
        status_change: None,
        ..row.replaced(NOW)
    };
    let table: [(_, _, &[News]); 9] = [
        ("an update", put(Some(active())), &[Refused]),
        ("a new one", put(None), &[Refused, Revoked]),
        ("an update of a revoked one", put(Some(revoked)), &[Refused, Revoked]),
        (
            "a new token after it was replaced",
            put(Some(replaced(active()))),
            &[Refused, Revoked],
        ),
        ("by hand", Renewal::default(), &[Revoked]),
        ("confirmed before", active(), &[Revoked]),
        ("confirmed before, then robbed", robbed.robbed(0, NOW), &[Revoked]),
        (
            "confirmed before, then taken and given back",
            replaced(active()).given_back(0, NOW),
            &[Revoked],
        ),
        (
            "taken and given back before it was applied",
            replaced(put(None)).given_back(0, NOW),
            &[Refused, Revoked],
        ),
    ];
    for (what, mut row, expected) in table {
        let mut told = Vec::new();
        for hours in [0, 12, 24] {
            let news;
            (row, _, news) = row.announced(ResponseClass::Refused, NOW + HOUR * hours);
            told.extend(news);
        }
        assert_eq!(told, expected, "{what}");
    }
}

#[test]
fn the_wish_that_an_update_went_back_to_is_no_change() {
    let row = leased(Renewal::put(Some(&active()), NOW), NOW);
    let mut row = row.release(row.revision).unwrap();
    let mut told = Vec::new();
    for hours in [0, 12, 24, 25, 37, 49] {
        let news;
        (row, _, news) = row.announced(ResponseClass::Refused, NOW + HOUR * hours);
        told.extend(news);
    }
    assert_eq!(told, [News::Refused, News::Revoked]);
}
