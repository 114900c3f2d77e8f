//! Descriptors of codes that don't fit.

use super::*;

#[test]
#[cfg_attr(miri, ignore = "unwinding takes minutes")]
fn links_of_codes_that_do_not_fit_are_refused() {
    let map = |offset, channels| Map { offset, height: 2, width: 2, channels, group: 2, ring: 1, bytes: 1 };
    let quant = Quant { scale: 1.0, zero: 0 };
    let codes =
        Codes { input: quant, second: Quant::NONE, output: quant, lo: 0, hi: 255, product: 0, extras: 0, table: NONE };
    let leak = |codes: Codes| -> Option<&'static Codes> { Some(Box::leak(Box::new(codes))) };
    let with = |kind: LinkKind, change: &dyn Fn(&mut Link)| {
        let mut link = link(kind, map(0, 8), Window::ONE, 0, map(64, 8), leak(codes).unwrap());
        change(&mut link);
        link
    };
    let (pointwise, elementwise, mean) = (LinkKind::Pointwise, LinkKind::Elementwise, LinkKind::Mean);
    let one = Map { height: 1, width: 1, group: 1, ..map(64, 8) };
    let cases: &[(&str, &[Link])] = &[
        ("elements of 4 bytes", &[with(pointwise, &|l| l.input.bytes = 4)]),
        ("elements of 1 bytes", &[with(pointwise, &|l| l.codes = None)]),
        ("the output at byte", &[with(pointwise, &|l| l.output.offset = 225)]),
        // A panel of two quads has 384 bytes.
        ("the weights at byte", &[with(pointwise, &|l| l.weights = 644)]),
        ("the weights at byte", &[with(pointwise, &|l| l.weights = 2)]),
        ("the weights at byte", &[with(pointwise, &|l| l.codes = leak(Codes { extras: 10, ..codes }))]),
        ("the weights at byte", &[with(pointwise, &|l| l.codes = leak(Codes { extras: u32::MAX, ..codes }))]),
        ("the weights at byte", &[with(LinkKind::Depthwise, &|l| l.weights = 868)]),
        (
            "out of range",
            &[with(pointwise, &|l| l.codes = leak(Codes { input: Quant { scale: 1.0, zero: 256 }, ..codes }))],
        ),
        ("no bounds", &[with(pointwise, &|l| l.codes = leak(Codes { lo: 9, hi: 8, ..codes }))]),
        ("no bounds", &[with(pointwise, &|l| l.codes = leak(Codes { hi: 256, ..codes }))]),
        ("codes and nothing", &[with(elementwise, &|_| {})]),
        ("codes and nothing", &[with(elementwise, &|l| l.epilogue.add = map(0, 8))]),
        (
            "codes and nothing",
            &[with(elementwise, &|l| {
                (l.epilogue.gate, l.codes) = (0, leak(Codes { second: quant, ..codes }));
            })],
        ),
        ("the table at byte", &[with(elementwise, &|l| l.codes = leak(Codes { table: 800, ..codes }))]),
        ("an epilogue of floats", &[with(pointwise, &|l| l.epilogue.gate = 0)]),
        ("an epilogue of floats", &[with(pointwise, &|l| l.epilogue.slopes = 0)]),
        (
            "the output's shape",
            &[with(elementwise, &|l| {
                (l.epilogue.add, l.codes) = (one, leak(Codes { second: quant, ..codes }));
            })],
        ),
        ("alone in its chain", &[with(pointwise, &|_| {}), with(mean, &|l| (l.input, l.output) = (map(64, 8), one))]),
    ];
    let weights: &'static [u8] = Box::leak(Box::new(Memory::new(1024))).bytes();
    for (index, (what, links)) in cases.iter().enumerate() {
        let mut memory = Memory::new(256);
        let links = links.to_vec();
        let refused = std::panic::catch_unwind(core::panic::AssertUnwindSafe(|| {
            Run::new(&weights[..1024], memory.bytes()).chain(None, &links, Image::F32(Pixels::Whole(&[])), None);
        }));
        let reason = refused.expect_err(what);
        let text = match reason.downcast_ref::<std::string::String>() {
            Some(text) => text.as_str(),
            None => reason.downcast_ref::<&str>().unwrap_or(&""),
        };
        assert!(text.contains(what), "case {index}: {text}");
    }
}
