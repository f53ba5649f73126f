//! Properties of the language over random trees, random events and random bytes.

mod model {
    pub mod event;
    pub mod generate;
    pub mod naive;
}

use std::ops::ControlFlow;
use std::sync::Arc;

use peregrine_filter::satisfy::Clauses;
use peregrine_filter::{
    Evaluator, Expr, ExprKind, Known, MAX_NESTING, ParseOptions, ProgramBuilder, Span, Specialiser,
    parse, parse_with,
};
use proptest::prelude::*;

use model::event::{Event, Fields, IMAGES};
use model::generate;

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    /// What is printed reads back as the same tree.
    #[test]
    fn printing_reads_back(expr in generate::any_expr()) {
        let text = expr.to_string();
        let options = ParseOptions { max_depth: 1000, partial: false };
        let parsed = parse_with(&text, &options).map_err(|e| {
            TestCaseError::fail(format!("{text}: {e}"))
        })?;
        prop_assert_eq!(parsed.expr, expr, "{}", text);
    }

    /// Any bytes are parsed or refused, and an error lies within the text.
    #[test]
    fn any_bytes_are_parsed_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
        if let Err(error) = parse(&bytes) {
            prop_assert!(error.position.index as usize <= bytes.len());
        }
    }

    /// Likewise for texts made of pieces of the language.
    #[test]
    fn any_pieces_are_parsed_or_refused(
        pieces in proptest::collection::vec(proptest::sample::select(generate::PIECES), 0..24)
    ) {
        let text = pieces.concat();
        match parse(&text) {
            Ok(expr) => prop_assert_eq!(parse(expr.to_string()).unwrap(), expr, "{}", text),
            Err(error) => prop_assert!(error.position.index as usize <= text.len()),
        }
    }

    /// A condition that is said to be impossible holds for no event.
    #[test]
    fn what_is_called_impossible_never_holds(
        all in generate::checks_of_one_value(),
        other in generate::typed_expr(),
        joins in any::<bool>(),
        events in proptest::collection::vec(Event::any(), 1..20),
    ) {
        let all = match joins {
            true => Expr::new(ExprKind::And(vec![other, all]), Span::default()),
            false => all,
        };
        let clauses = Clauses::new(&Fields::new(), &all).map_err(|e| {
            TestCaseError::fail(format!("{all}: {e}"))
        })?;
        if clauses.clash(&|_| Known::Unknown).is_some() {
            for event in &events {
                prop_assert!(!model::naive::holds(&all, event), "{} {:?}", all, event);
            }
        }
    }

    /// The shared, memoised program gives what walking the trees gives, event after event.
    #[test]
    fn the_program_equals_the_tree_walker(
        exprs in proptest::collection::vec(generate::typed_expr(), 1..6),
        events in proptest::collection::vec((Event::any(), any::<u32>()), 1..12),
    ) {
        equals_the_tree_walker(&exprs, &events)?;
    }

}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// Likewise for many conditions on the same few values, which are answered by tables.
    #[test]
    fn tables_equal_the_tree_walker(
        exprs in proptest::collection::vec(generate::expr_on_texts(), 4..90),
        events in proptest::collection::vec((Event::any(), any::<u32>()), 1..12),
    ) {
        equals_the_tree_walker(&exprs, &events)?;
    }
}

/// Tries conditions on events one by one, by a plan for any event, and by a plan for this very
/// event, which is told the values of the fields whose bits are set.
fn equals_the_tree_walker(exprs: &[Expr], events: &[(Event, u32)]) -> Result<(), TestCaseError> {
    let fields = Fields::new();
    let mut builder = ProgramBuilder::new(&fields);
    let mut conditions = Vec::new();
    for expr in exprs {
        let id = builder.add(expr).map_err(|e| TestCaseError::fail(format!("{expr}: {e}")))?;
        conditions.push((id, expr));
    }
    let program = builder.finish();
    let mut specialiser = Specialiser::new(&program);
    let tagged: Vec<_> = conditions.iter().zip(0..).map(|((id, _), tag)| (*id, tag)).collect();
    let general = specialiser.plan(&tagged, &|_| Known::Unknown);
    let special: Vec<_> = events
        .iter()
        .map(|(event, told)| {
            specialiser.plan(&tagged, &|field| match told >> field.id.0 & 1 {
                0 => Known::Unknown,
                _ => event.decided(field),
            })
        })
        .collect();
    let mut evaluator = Evaluator::new(Arc::new(specialiser.finish()));
    for ((event, _), special) in events.iter().zip(special) {
        let wanted: Vec<u32> = (0..exprs.len() as u32)
            .filter(|tag| model::naive::holds(&exprs[*tag as usize], event))
            .collect();
        // In any order: what the others remember must not matter.
        let one_by_one_first = event.image % 2 == 0;
        for round in 0..2 {
            if one_by_one_first == (round == 0) {
                evaluator.begin_event();
                for ((id, expr), tag) in conditions.iter().zip(0..) {
                    let holds = wanted.contains(&tag);
                    prop_assert_eq!(evaluator.matches(*id, event), holds, "{} {:?}", expr, event);
                    prop_assert_eq!(evaluator.explain(*id, event).result, holds);
                }
                continue;
            }
            for plan in [general, special] {
                let mut found = Vec::new();
                if let Some(plan) = plan {
                    evaluator.examine(plan, event, |tag, holds| {
                        found.extend(holds.then_some(tag));
                        ControlFlow::Continue(())
                    });
                }
                prop_assert_eq!(&found, &wanted, "{:?}", event);
                let mut first = None;
                if let Some(plan) = plan {
                    evaluator.examine(plan, event, |tag, holds| {
                        first = holds.then_some(tag);
                        if holds { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
                    });
                }
                prop_assert_eq!(first, wanted.first().copied());
            }
        }
    }
    Ok(())
}

/// A deep nesting is refused by the parser and by the compiler, and does not overflow the stack of
/// a default thread before.
#[test]
fn deep_nesting_is_refused() {
    for open in ["(", "not (", "tolower(", "not not("] {
        let text = open.repeat(100_000);
        let options = ParseOptions { max_depth: 1000, partial: false };
        assert!(parse_with(&text, &options).is_err());
    }
    let leaf = || parse("t.name = x").unwrap();
    let nest = |levels: usize| {
        (0..levels).fold(leaf(), |expr, level| {
            let kind = match level % 2 {
                0 => ExprKind::And(vec![expr, leaf()]),
                _ => ExprKind::Or(vec![leaf(), expr]),
            };
            Expr::new(kind, Span::default())
        })
    };
    let fields = Fields::new();
    let mut builder = ProgramBuilder::new(&fields);
    assert!(builder.add(&nest(MAX_NESTING + 1)).is_err());
    let deepest = nest(MAX_NESTING);
    let id = builder.add(&deepest).unwrap();
    let mut evaluator = Evaluator::new(Arc::new(builder.finish()));
    evaluator.begin_event();
    let event = Event { image: 0, ..Event::default() };
    assert_eq!(evaluator.matches(id, &event), IMAGES[0].0 == Some("x"));
    assert!(!evaluator.explain(id, &event).children.is_empty());
}

/// Equal checks and equal sub-conditions of different conditions are one.
#[test]
fn conditions_share_their_parts() {
    let fields = Fields::new();
    let mut builder = ProgramBuilder::new(&fields);
    for text in [
        "t.name = a and (t.num > 1 or t.path in (x, y))",
        "(t.path in (y, x, y) or t.num > 1) and not t.flag = true",
        "not not t.name == a and t.name = a",
    ] {
        builder.add(&parse(text).unwrap()).unwrap();
    }
    let size = builder.finish().size();
    assert_eq!((size.conditions, size.written_checks, size.checks), (3, 8, 4));
    // Four checks, a shared `or`, two `and`, one `not`.
    assert_eq!(size.nodes, 8, "{size:?}");
}

/// An explanation has the shape of the condition and shows what each check saw.
#[test]
fn an_explanation_shows_the_values() {
    let fields = Fields::new();
    let mut builder = ProgramBuilder::new(&fields);
    let text = "t.num > 1 and not (t.name in (abc, x) or t.load exists) and t.args in (a)";
    let id = builder.add(&parse(text).unwrap()).unwrap();
    let mut evaluator = Evaluator::new(Arc::new(builder.finish()));
    evaluator.begin_event();
    let event = Event { image: 1, num: Some(2), args: Some(Vec::new()), ..Event::default() };
    let explanation = evaluator.explain(id, &event);
    let lines = [
        "false and",
        "true    t.num > 1  <- 2",
        "false   not",
        "true      or",
        "true        t.name in (abc, x)  <- \"abc\"",
        "false       t.load exists  <- no value",
        "true    t.args in (a)  <- empty list",
        "",
    ];
    assert_eq!(explanation.to_string(), lines.join("\n"));
    assert_eq!(&text[explanation.children[1].span.range()], &text[14..55]);
}
