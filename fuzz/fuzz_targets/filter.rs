//! Any bytes as a condition: parsed or refused; what parses prints back; what compiles can be
//! asked about.
#![no_main]

use libfuzzer_sys::fuzz_target;
use peregrine_fields::Fields;
use peregrine_filter::event_types::{event_set, syscall_set};
use peregrine_filter::satisfy::Clauses;
use peregrine_filter::{Known, ParseOptions, check, parse_operand, parse_with};

fuzz_target!(|data: &[u8]| {
    let options = ParseOptions { max_depth: 1000, partial: false };
    // Templates read fields and transformer calls at any place of a text.
    if let Ok((_, end)) = parse_operand(data) {
        assert!(end.index as usize <= data.len());
    }
    let expr = match parse_with(data, &options) {
        Ok(parsed) => parsed.expr,
        Err(error) => {
            assert!(error.position.index as usize <= data.len());
            assert!(!error.message.is_empty());
            return;
        }
    };
    let printed = expr.to_string();
    let unlimited = ParseOptions { max_depth: 4000, partial: false };
    let again = parse_with(&printed, &unlimited).map(|parsed| parsed.expr);
    assert_eq!(again.as_ref(), Ok(&expr), "{printed}");
    let fields = Fields::syscall();
    match check(&fields, &expr) {
        Ok(_) => {
            let _ = (event_set(&expr), syscall_set(&expr));
            let clauses = Clauses::new(&fields, &expr).expect("it compiles");
            clauses.clash(&|_| Known::Unknown);
        }
        Err(errors) => assert!(!errors.0.is_empty()),
    }
});
