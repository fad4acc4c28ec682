//! Prints how our times compare with those of others, from one run.
//!
//! The contenders take turns, many times a second, and each round gives one ratio; the table has
//! the median of the rounds. So a machine that is busy or changes its clock slows all of them, and
//! the ratios stay.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use imagereview_benches::{policies, references, reviews};

/// How many rounds each comparison gets.
const ROUNDS: usize = 501;

/// How long a contender's turn is to take: long beside the clock's resolution, short beside the
/// machine's moods.
const TURN: Duration = Duration::from_micros(200);

/// What one contender does in one go.
type Work<'a> = Box<dyn Fn() + 'a>;

/// One line of the table: what is measured beside what.
struct Row {
    what: String,
    beside: &'static str,
    /// How many of what the times are for.
    goes_of: usize,
    times: Times,
    target: Target,
}

/// Medians of all rounds.
struct Times {
    /// The time of one go, in nanoseconds.
    ours: f64,
    theirs: f64,
    /// Ours for each of theirs.
    ratio: f64,
}

enum Target {
    /// Takes at most so many times the baseline's time.
    AtMost(f64),
    /// The baseline takes at least so many times our time.
    Faster(f64),
    /// There is none; the line is there to compare.
    None,
}

fn main() {
    let corpus = references::shuffled_corpus();
    let bytes: usize = corpus.iter().map(|text| text.len()).sum();
    println!("{} references of {bytes} bytes\n", corpus.len());

    let ours = references::IMAGE_REF;
    let tag_check = |contender: references::Contender, target| {
        let corpus = &corpus;
        let run = |contender: references::Contender| -> Work<'_> {
            Box::new(move || {
                black_box((contender.count_denied)(black_box(corpus)));
            })
        };
        let times = compare(&run(ours), &run(contender));
        Row {
            what: "tag check".to_owned(),
            beside: contender.name,
            goes_of: corpus.len(),
            times,
            target,
        }
    };
    let mut rows = vec![
        tag_check(references::BYTE_PASS, Target::AtMost(2.0)),
        tag_check(references::OCI_SPEC, Target::Faster(50.0)),
    ];
    rows.extend(references::PEERS.map(|peer| tag_check(peer, Target::Faster(2.0))));
    rows.extend(references::SEARCHES.map(|search| tag_check(search, Target::None)));

    for (containers, target) in [
        (1, Target::None),
        (3, Target::AtMost(1.5)),
        (20, Target::None),
        (200, Target::None),
    ] {
        let document = reviews::allowed(containers);
        let ours: Work<'_> = Box::new(|| drop(reviews::answer(black_box(&document))));
        let plain: Work<'_> =
            Box::new(|| drop(black_box(reviews::read_plainly(black_box(&document)))));
        rows.push(Row {
            what: format!("review of {containers}"),
            beside: "serde_json",
            goes_of: 1,
            times: compare(&ours, &plain),
            target,
        });
    }
    rows.extend(policies::KINDS.iter().map(many_patterns));
    print_table(&rows);
}

/// What 10,000 patterns of a kind ask for each image, beside what 10 do.
fn many_patterns(kind: &policies::Kind) -> Row {
    let review = policies::review();
    let [many, few] = [10_000, 10].map(|patterns| {
        let document = kind.document(patterns);
        let start = Instant::now();
        match policies::compile(&document) {
            Ok(policy) => (policy, start.elapsed()),
            Err(errors) => panic!("{errors}"),
        }
    });
    let decide = |policy| -> Work<'_> {
        let review = &review;
        Box::new(move || {
            black_box(policies::violations(black_box(policy), review));
        })
    };
    Row {
        what: format!(
            "10,000 {} (compiled in {} ms)",
            kind.name,
            many.1.as_millis()
        ),
        beside: "10 of them",
        goes_of: review.images().len(),
        times: compare(&decide(&many.0), &decide(&few.0)),
        target: Target::AtMost(3.0),
    }
}

fn compare(ours: &Work<'_>, theirs: &Work<'_>) -> Times {
    let (our_goes, their_goes) = (goes_in_a_turn(ours), goes_in_a_turn(theirs));
    let mut rounds: Vec<[f64; 3]> = (0..ROUNDS)
        .map(|round| {
            // Each goes first every other time.
            let (ours, theirs) = if round % 2 == 0 {
                let ours = time(ours, our_goes);
                (ours, time(theirs, their_goes))
            } else {
                let theirs = time(theirs, their_goes);
                (time(ours, our_goes), theirs)
            };
            [ours, theirs, ours / theirs]
        })
        .collect();
    let mut median = |column: usize| {
        rounds.sort_by(|a, b| a[column].total_cmp(&b[column]));
        rounds[ROUNDS / 2][column]
    };
    Times {
        ours: median(0),
        theirs: median(1),
        ratio: median(2),
    }
}

/// The time of one go, in nanoseconds.
fn time(work: &Work<'_>, goes: u32) -> f64 {
    let start = Instant::now();
    for _ in 0..goes {
        work();
    }
    start.elapsed().as_secs_f64() * 1e9 / f64::from(goes)
}

fn goes_in_a_turn(work: &Work<'_>) -> u32 {
    let mut goes = 1;
    loop {
        let start = Instant::now();
        for _ in 0..goes {
            work();
        }
        if start.elapsed() >= TURN {
            return goes;
        }
        goes *= 2;
    }
}

fn print_table(rows: &[Row]) {
    println!("| what | ns | beside | ns | ratio | target | met |");
    println!("| --- | ---: | --- | ---: | ---: | ---: | --- |");
    for row in rows {
        let Row { what, beside, .. } = row;
        let Times {
            ours,
            theirs,
            ratio,
        } = row.times;
        let (target, met) = match row.target {
            Target::AtMost(most) => (format!("≤ {most}"), Some(ratio <= most)),
            Target::Faster(least) => (format!("≤ 1/{least}"), Some(1.0 / ratio >= least)),
            Target::None => (String::new(), None),
        };
        let ratio = if ratio < 0.5 {
            format!("1/{:.1}", 1.0 / ratio)
        } else {
            format!("{ratio:.2}")
        };
        let met = met.map_or("", |met| if met { "yes" } else { "no" });
        #[expect(clippy::cast_precision_loss, reason = "there are some thousands")]
        let [ours, theirs] = [ours, theirs].map(|time| time / row.goes_of as f64);
        println!("| {what} | {ours:.0} | {beside} | {theirs:.0} | {ratio} | {target} | {met} |");
    }
}
