//! What rules and classifier say, weighed against one another.

use super::judging::{Judgement, SHOWN};
use super::rules::Match;

/// A classifier that is as sure as this is not talked out of it.
const DECISIVE: f64 = 0.9;

/// Less than this is not worth a line in the record.
const HARDLY: f64 = 0.1;

/// What speaks for an agent.
pub(super) struct Evidence<'a> {
    pub place: usize,
    pub score: f64,
    pub rules: Option<&'a Match>,
    pub learned: Option<f64>,
}

/// What speaks for whom, best first.
///
/// A classifier that is nearly certain decides among those that it knows, having heard the rules. Where it
/// is not, what the rules say counts beside what it says. An agent that it does not know, or
/// hardly, is what its rules say: where they are the loudest, it is first. Where the classifier is not
/// sure, the rules decide.
pub(super) fn weigh<'a>(
    matches: &'a [Match],
    judgement: Option<&Judgement<'_>>,
    is_sure: bool,
) -> Vec<Evidence<'a>> {
    let total: f64 = matches.iter().map(|found| found.weight).sum();
    let mut evidence: Vec<Evidence<'_>> = Vec::with_capacity(SHOWN + matches.len());
    if let Some(Judgement {
        learned, verdict, ..
    }) = judgement
    {
        evidence.extend(verdict.ranked.iter().map(|(class, confidence)| Evidence {
            place: learned.places[*class],
            score: f64::from(*confidence),
            rules: None,
            learned: Some(f64::from(*confidence)),
        }));
    }
    let yields = evidence
        .first()
        .is_none_or(|best| !is_sure || best.score < DECISIVE);
    let knows = |place| judgement.is_some_and(|it| it.learned.knows(place));
    for found in matches {
        let loudness = loudness(found.weight, total);
        let speaks = yields || !knows(found.place);
        match evidence.iter_mut().find(|known| known.place == found.place) {
            Some(known) => {
                known.rules = Some(found);
                if speaks {
                    known.score = either(known.score, loudness);
                }
            }
            None => evidence.push(Evidence {
                place: found.place,
                score: if speaks { loudness } else { 0.0 },
                rules: Some(found),
                learned: None,
            }),
        }
    }
    let loudest = matches.first().map(|found| found.place);
    let rank = |evidence: &Evidence<'_>| {
        let stranger = loudest == Some(evidence.place) && !knows(evidence.place);
        // Where the classifier is not sure, it does not stand before what rules say.
        let ruled = !is_sure && evidence.rules.is_some();
        (stranger, ruled)
    };
    evidence.sort_by(|a, b| rank(b).cmp(&rank(a)).then(b.score.total_cmp(&a.score)));
    evidence.truncate(SHOWN);
    // What is hardly likely tells nobody anything.
    let likely = |evidence: &Evidence<'_>| evidence.score >= HARDLY || evidence.rules.is_some();
    let last = evidence.iter().rposition(likely).unwrap_or(0);
    evidence.truncate(last + 1);
    evidence
}

/// How sure two are of the same thing who know nothing of one another (the noisy or).
fn either(one: f64, other: f64) -> f64 {
    1.0 - (1.0 - one) * (1.0 - other)
}

/// The agent's share of all that speaks for anybody, less what so little evidence leaves open: one
/// ordinary keyword alone makes for 0.63, two for 0.86, four for 0.98.
fn loudness(weight: f64, total: f64) -> f64 {
    (weight / total) * (1.0 - (-weight).exp())
}
