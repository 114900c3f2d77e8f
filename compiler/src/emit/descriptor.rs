//! What the runtime is told, as data: the fields of each of its descriptors stated once, in its order. The Rust back end prints
//! them as tokens, the C back end as initialisers of `mobilenet-runtime-capi`'s structures.

use crate::graph::{Activation, Window};
use crate::network::Layout;
use crate::plan::{Chain, Codes, Epilogue, ImageSource, Link, LinkOp, Map, Quant};

/// A value of a descriptor.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    /// A size, an offset or a count.
    Size(usize),
    /// The offset of what is absent.
    Nowhere,
    /// A number.
    Float(f32),
    /// Rows and columns.
    Pair([usize; 2]),
    /// Numbers of any count.
    Floats(Vec<f32>),
    /// A named constant of a type.
    Constant(&'static str, &'static str),
    /// A map, or none.
    Map(Option<Map>),
    /// The address of a structure, or none.
    Pointer(Option<Box<Value>>),
    /// A structure: its type, and its fields in order.
    Struct(&'static str, Vec<(&'static str, Value)>),
}

fn optional(offset: Option<usize>) -> Value {
    offset.map_or(Value::Nowhere, Value::Size)
}

/// The fields of a map, in order.
pub(crate) fn map(map: &Map) -> [(&'static str, usize); 7] {
    let Map { offset, height, width, channels, group, ring, element } = *map;
    [
        ("offset", offset),
        ("height", height),
        ("width", width),
        ("channels", channels),
        ("group", group),
        ("ring", ring),
        ("bytes", element.bytes()),
    ]
}

/// How codes stand for numbers; none where the scale is 0.
pub(crate) fn quant(quant: Option<Quant>) -> Value {
    let Quant { scale, zero } = quant.unwrap_or(Quant { scale: 0.0, zero: 0 });
    Value::Struct("Quant", vec![("scale", Value::Float(scale)), ("zero", Value::Size(zero as usize))])
}

fn codes(codes: Option<&Codes>) -> Value {
    let fields = codes.map(|of| {
        vec![
            ("input", quant(Some(of.input))),
            ("second", quant(of.second)),
            ("output", quant(Some(of.output))),
            ("lo", Value::Size(of.clamp[0] as usize)),
            ("hi", Value::Size(of.clamp[1] as usize)),
            ("product", Value::Size(usize::from(of.product))),
            ("extras", Value::Size(of.extras)),
            ("table", optional(of.table)),
        ]
    });
    Value::Pointer(fields.map(|fields| Box::new(Value::Struct("Codes", fields))))
}

pub(crate) fn layout(layout: Layout) -> Value {
    Value::Constant(
        "Layout",
        match layout {
            Layout::Nchw => "Nchw",
            Layout::Nhwc => "Nhwc",
        },
    )
}

pub(crate) fn window(window: &Window) -> Value {
    let pad = [window.pads[0], window.pads[1]].map(|pad| usize::try_from(pad).unwrap_or(0));
    let pairs = [("kernel", window.kernel), ("stride", window.stride), ("dilation", window.dilation), ("pad", pad)];
    Value::Struct("Window", pairs.map(|(name, pair)| (name, Value::Pair(pair))).to_vec())
}

pub(crate) fn activation(activation: Activation) -> Value {
    let (kind, a, b) = match activation {
        Activation::Clamp { lo, hi } => ("Clamp", lo, hi),
        Activation::HardSwish => ("HardSwish", 0.0, 0.0),
        Activation::HardSigmoid { alpha, beta } => ("HardSigmoid", alpha, beta),
        Activation::Sigmoid => ("Sigmoid", 0.0, 0.0),
        Activation::Swish => ("Swish", 0.0, 0.0),
        Activation::Tanh => ("Tanh", 0.0, 0.0),
        Activation::LeakyRelu { alpha } => ("LeakyRelu", alpha, 0.0),
    };
    let kind = Value::Constant("ActivationKind", kind);
    Value::Struct("Activation", vec![("kind", kind), ("a", Value::Float(a)), ("b", Value::Float(b))])
}

pub(crate) fn epilogue(epilogue: &Epilogue) -> Value {
    Value::Struct(
        "Epilogue",
        vec![
            ("gate", optional(epilogue.gate)),
            ("add", Value::Map(epilogue.add)),
            ("activation", activation(epilogue.activation)),
            ("slopes", optional(epilogue.slopes)),
            ("affine", optional(epilogue.affine)),
        ],
    )
}

pub(crate) fn source(source: &ImageSource) -> Value {
    let ImageSource { height, width, channels, layout: order, element: _ } = *source;
    let sizes = [("height", height), ("width", width), ("channels", channels)];
    let mut fields = sizes.map(|(name, size)| (name, Value::Size(size))).to_vec();
    fields.push(("layout", layout(order)));
    Value::Struct("Source", fields)
}

/// The descriptor of a link that reads the model's input; nothing of any other.
pub(crate) fn stem(link: &Link) -> Option<Value> {
    let LinkOp::Stem { source: from, pad_values, scratch, scratch_bytes: _ } = &link.op else { return None };
    let fields = vec![
        ("input", source(from.image())),
        ("window", window(&link.window)),
        ("weights", optional(link.weights)),
        ("pad_values", Value::Floats(pad_values.clone())),
        ("epilogue", epilogue(&link.epilogue)),
        ("output", Value::Map(Some(link.output))),
        ("scratch", Value::Size(*scratch)),
        ("codes", codes(link.codes.as_ref())),
    ];
    Some(Value::Struct("Stem", fields))
}

/// The descriptor of a link that reads a map; nothing of any other.
pub(crate) fn link(link: &Link) -> Option<Value> {
    if link.source().is_some() {
        return None;
    }
    let traits = link.op.traits();
    let fields = vec![
        ("kind", Value::Constant("LinkKind", traits.runtime)),
        ("groups", Value::Size(traits.groups.unwrap_or(1))),
        ("input", Value::Map(link.input)),
        ("window", window(&link.window)),
        ("weights", optional(link.weights)),
        ("epilogue", epilogue(&link.epilogue)),
        ("output", Value::Map(Some(link.output))),
        ("codes", codes(link.codes.as_ref())),
    ];
    Some(Value::Struct("Link", fields))
}

/// The descriptors of a chain: of the link that reads the model's input, if there is one, and of the others.
pub(crate) fn chain(chain: &Chain) -> (Option<Value>, Vec<Value>) {
    let (first, rest) = chain.stem();
    (first.and_then(stem), rest.iter().filter_map(link).collect())
}

/// The descriptor of a fully connected layer.
pub(crate) fn dense(input: usize, k: usize, n: usize, weights: usize, of: &Epilogue) -> Value {
    let sizes = [("input", input), ("k", k), ("n", n), ("weights", weights)];
    let mut fields = sizes.map(|(name, size)| (name, Value::Size(size))).to_vec();
    fields.push(("epilogue", epilogue(of)));
    Value::Struct("Dense", fields)
}
