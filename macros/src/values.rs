//! Values of the options of `mobilenet_model!`.

use mobilenet_compiler::options::{ChannelOrder, InputType, Layout, Normalise, Optimise, PortType};
use syn::spanned::Spanned;
use syn::{BinOp, Expr, ExprArray, ExprBinary, ExprLit, ExprTuple, ExprUnary, Lit, LitStr, UnOp};

pub fn resolution(value: &Expr) -> syn::Result<[usize; 2]> {
    const EXPECTED: &str = "height and width, like `resolution = [160, 160]`";
    match value {
        Expr::Array(ExprArray { elems, .. }) if elems.len() == 2 => {
            Ok([count(&elems[0], EXPECTED)?, count(&elems[1], EXPECTED)?])
        }
        other => Err(syn::Error::new(other.span(), format!("expected {EXPECTED}"))),
    }
}

pub fn count(value: &Expr, expected: &str) -> syn::Result<usize> {
    let number = match value {
        Expr::Lit(literal) => match &literal.lit {
            Lit::Int(number) => number.base10_parse().ok(),
            _ => None,
        },
        _ => None,
    };
    number.filter(|&number| number > 0).ok_or_else(|| {
        syn::Error::new(value.span(), format!("expected {expected}: whole numbers from 1 on, written as literals"))
    })
}

pub fn element(value: &Expr) -> syn::Result<InputType> {
    match value {
        Expr::Path(path) if path.path.is_ident(InputType::U8.name()) => Ok(InputType::U8),
        other => Err(syn::Error::new(other.span(), "expected bytes, `input = u8`")),
    }
}

pub fn path(value: &Expr) -> syn::Result<LitStr> {
    match value {
        Expr::Lit(ExprLit { lit: Lit::Str(path), .. }) => Ok(path.clone()),
        other => {
            let message = "expected the path of a file with a line per class, like `labels = \"labels.txt\"`, relative to Cargo.toml";
            Err(syn::Error::new(other.span(), message))
        }
    }
}

pub fn layout(value: &Expr) -> syn::Result<Layout> {
    match value {
        Expr::Path(path) if path.path.is_ident("nchw") => Ok(Layout::Nchw),
        Expr::Path(path) if path.path.is_ident("nhwc") => Ok(Layout::Nhwc),
        other => Err(syn::Error::new(other.span(), "expected `input_layout = nchw` or `input_layout = nhwc`")),
    }
}

pub fn optimise(value: &Expr) -> syn::Result<Optimise> {
    let named = |path: &syn::Path| Optimise::named(&path.get_ident()?.to_string());
    match value {
        Expr::Path(path) => named(&path.path),
        _ => None,
    }
    .ok_or_else(|| syn::Error::new(value.span(), "expected `optimise = memory`, `balanced` or `speed`"))
}

pub fn ports(value: &Expr) -> syn::Result<PortType> {
    match value {
        Expr::Path(path) if path.path.is_ident(PortType::F16.name()) => Ok(PortType::F16),
        other => Err(syn::Error::new(other.span(), "expected `ports = f16`")),
    }
}

pub fn channel_order(value: &Expr) -> syn::Result<ChannelOrder> {
    match value {
        Expr::Path(path) if path.path.is_ident(ChannelOrder::Bgr.name()) => Ok(ChannelOrder::Bgr),
        other => Err(syn::Error::new(other.span(), "expected `channel_order = bgr`")),
    }
}

/// One name, or several in brackets.
pub fn names(value: &Expr) -> syn::Result<Vec<String>> {
    let name = |value: &Expr| match value {
        Expr::Lit(ExprLit { lit: Lit::Str(name), .. }) => Ok(name.value()),
        other => {
            let message = "expected the name of a value of the model, like `output = \"features\"`, or several: `output = [\"a\", \"b\"]`";
            Err(syn::Error::new(other.span(), message))
        }
    };
    match value {
        Expr::Array(array) if !array.elems.is_empty() => array.elems.iter().map(name).collect(),
        one => name(one).map(|one| vec![one]),
    }
}

pub fn normalise(value: &Expr) -> syn::Result<Normalise> {
    let Expr::Tuple(ExprTuple { elems, .. }) = value else { return Err(no_normalise(value)) };
    let mut lists = elems.iter().map(numbers);
    let (Some(mean), Some(std), None) = (lists.next(), lists.next(), lists.next()) else {
        return Err(no_normalise(value));
    };
    let normalise = Normalise { mean: mean?, std: std? };
    if normalise.std.iter().any(|&std| std <= 0.0) { Err(no_normalise(value)) } else { Ok(normalise) }
}

fn no_normalise(value: &Expr) -> syn::Error {
    let message = "expected a mean and a standard deviation above 0, like `normalise = (0.5, 0.5)`, or an array per channel \
                   of each";
    syn::Error::new(value.span(), message)
}

fn numbers(value: &Expr) -> syn::Result<Vec<f32>> {
    match value {
        Expr::Array(ExprArray { elems, .. }) => elems.iter().map(number).collect(),
        one => Ok(vec![number(one)?]),
    }
}

fn number(value: &Expr) -> syn::Result<f32> {
    let number = match value {
        Expr::Unary(ExprUnary { op: UnOp::Neg(_), expr, .. }) => return Ok(-number(expr)?),
        Expr::Binary(ExprBinary { left, op: BinOp::Div(_), right, .. }) => Some(number(left)? / number(right)?),
        Expr::Lit(literal) => match &literal.lit {
            Lit::Float(number) => number.base10_parse().ok(),
            Lit::Int(number) => number.base10_parse().ok(),
            _ => None,
        },
        _ => None,
    };
    number.filter(|number: &f32| number.is_finite()).ok_or_else(|| no_normalise(value))
}
