//! Any bytes as a journal are a mark to go on from, or refused, and a run is begun or goes on.

use ndarray::Array1;
use outcore_ops::{Budget, Control, CumSum, scan};
use outcore_storage::{Journal, Options, Output, Work};

/// Goes on from bytes as a journal.
pub(crate) fn run(bytes: &[u8]) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let target = folder.path().join("a");
    let beside = |kind: &str| folder.path().join(format!("a.partial{kind}"));
    let field = Array1::from_elem(5000, 1.5);
    let plan = scan(&field, 0, CumSum).plan::<f64>(Budget::new(64 << 10)).expect("it fits");
    std::fs::write(beside(".journal"), bytes).expect("there is room");
    std::fs::write(beside(""), vec![0; 128 + 40_000]).expect("there is room");
    let known = Journal::resources(&target);
    let mut output =
        match Output::<f64, _>::raw(&target, 5000, &Options::new().offset(128).resume(true)) {
            Ok(output) => output,
            Err(error) => panic!("a partial file of the right length: {error}"),
        };
    let mut journal = match output.journal(Work::new("fuzz")) {
        Ok(journal) => journal,
        Err(error) => return assert!(error.path().is_some(), "{error}"),
    };
    assert!(known.is_some() && journal.mark().is_some());
    // What is carried may be none of this pass: an error, and nothing else.
    match plan.run(&field, &mut output, Control::new().journal(&mut journal)) {
        Ok(_) => output.commit().expect("the disk has room"),
        Err(error) => assert!(error.to_string().contains(".partial.journal"), "{error}"),
    }
}
