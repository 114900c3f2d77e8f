//! What a user writes between the parentheses of `mobilenet_model!`.

use mobilenet_compiler::Options;
use proc_macro2::{Span, TokenStream, TokenTree};
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, Expr, Ident, LitStr, Token, Visibility};

use crate::values::{channel_order, count, element, layout, names, normalise, optimise, path, ports, resolution};

/// `runtime; "path", #[attributes] visibility struct Name, resolution = [h, w], batch = n, ...`, everything but runtime and
/// path optional.
pub struct Input {
    /// Path of the runtime crate, as tokens: `$crate` where the runtime's own macro wrote it.
    pub runtime: TokenStream,
    /// The model's path.
    pub path: LitStr,
    /// Attributes of the type.
    pub attributes: Vec<Attribute>,
    /// Visibility and name of the type.
    pub item: Option<(Visibility, Ident)>,
    /// The options of the compilation, without the name and the labels.
    pub options: Options,
    /// The path of the file of labels.
    pub labels: Option<LitStr>,
    /// Everything wrong with the arguments behind the path.
    pub errors: Option<syn::Error>,
}

impl Parse for Input {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut runtime = TokenStream::new();
        while !input.peek(Token![;]) {
            runtime.extend([input.parse::<TokenTree>()?]);
        }
        input.parse::<Token![;]>()?;
        let path = parse_path(input)?;
        let options = Options::default();
        let attributes = Vec::new();
        let mut parsed = Self { runtime, path, attributes, item: None, options, labels: None, errors: None };
        while !input.is_empty() {
            if let Err(error) = input.parse::<Token![,]>() {
                parsed.complain(error);
            } else if input.is_empty() {
                break;
            } else if let Err(error) = parsed.argument(input) {
                parsed.complain(error);
            } else {
                continue;
            }
            skip_argument(input)?;
        }
        Ok(parsed)
    }
}

impl Input {
    fn complain(&mut self, error: syn::Error) {
        match &mut self.errors {
            Some(errors) => errors.combine(error),
            None => self.errors = Some(error),
        }
    }

    fn argument(&mut self, input: ParseStream<'_>) -> syn::Result<()> {
        let attributes = input.call(Attribute::parse_outer)?;
        let visibility: Visibility = input.parse()?;
        if input.peek(Token![struct]) || !attributes.is_empty() || !matches!(visibility, Visibility::Inherited) {
            let keyword: Token![struct] = input.parse()?;
            let name: Ident = input.parse()?;
            if self.item.is_some() {
                return Err(syn::Error::new(keyword.span, "the type is named twice"));
            }
            self.attributes = attributes;
            self.item = Some((visibility, name));
            return Ok(());
        }
        let option: Ident = input.parse()?;
        let options = &mut self.options;
        let repeated = match option.to_string().as_str() {
            "resolution" => options.resolution.replace(resolution(&value(input)?)?).is_some(),
            "batch" => options.batch.replace(count(&value(input)?, "a number of images, like `batch = 4`")?).is_some(),
            "input" => options.input.replace(element(&value(input)?)?).is_some(),
            "normalise" | "normalize" => options.normalise.replace(normalise(&value(input)?)?).is_some(),
            "input_layout" => options.input_layout.replace(layout(&value(input)?)?).is_some(),
            "channel_order" => options.channel_order.replace(channel_order(&value(input)?)?).is_some(),
            "output" => !std::mem::replace(&mut options.output, names(&value(input)?)?).is_empty(),
            "ports" => options.ports.replace(ports(&value(input)?)?).is_some(),
            "grey" | "gray" => std::mem::replace(&mut options.grey, true),
            "softmax" => std::mem::replace(&mut options.softmax, true),
            "labels" => self.labels.replace(path(&value(input)?)?).is_some(),
            "top_k" => options.top_k.replace(count(&value(input)?, "a number of classes, like `top_k = 5`")?).is_some(),
            "optimise" | "optimize" => options.optimise.replace(optimise(&value(input)?)?).is_some(),
            "max_arena" => {
                options.max_arena.replace(count(&value(input)?, "bytes, like `max_arena = 65536`")?).is_some()
            }
            _ => {
                let message = format!(
                    "unknown option `{option}`; there are `resolution = [h, w]`, `batch = n`, `input = u8`, `normalise = (mean, \
                     std)`, `input_layout = nchw` or `nhwc`, `channel_order = bgr`, `grey`, `ports = f16`, `softmax`, `output = \"name\"`, `labels = \"labels.txt\"`, `top_k = n`, `optimise = memory`, `balanced` or `speed`, `max_arena = bytes` and `pub struct Name`"
                );
                return Err(syn::Error::new(option.span(), message));
            }
        };
        if repeated { Err(syn::Error::new(option.span(), format!("`{option}` is given twice"))) } else { Ok(()) }
    }
}

fn value(input: ParseStream<'_>) -> syn::Result<Expr> {
    input.parse::<Token![=]>()?;
    input.parse()
}

fn parse_path(input: ParseStream<'_>) -> syn::Result<LitStr> {
    const EXPECTED: &str =
        "expected the model's path as a string literal, like `\"models/net.onnx\"`, relative to Cargo.toml";
    if input.is_empty() {
        return Err(syn::Error::new(Span::call_site(), EXPECTED));
    }
    let span = input.span();
    input.parse().map_err(|_| syn::Error::new(span, EXPECTED))
}

fn skip_argument(input: ParseStream<'_>) -> syn::Result<()> {
    while !input.is_empty() && !input.peek(Token![,]) {
        input.parse::<TokenTree>()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use quote::quote;

    fn parse(tokens: TokenStream) -> syn::Result<Input> {
        syn::parse2(tokens)
    }

    fn errors(tokens: TokenStream) -> Vec<String> {
        let error = match parse(tokens) {
            Ok(input) => input.errors,
            Err(error) => Some(error),
        };
        error.into_iter().flatten().map(|error| error.to_string()).collect()
    }

    #[test]
    fn everything_at_once() {
        let input = parse(quote! {
            $crate; "a/net.onnx", /** Doc. */ pub(crate) struct Net, resolution = [160, 128], batch = 4,
        });
        let input = input.expect("parses");
        assert_eq!(input.runtime.to_string(), quote!($crate).to_string());
        assert_eq!(input.path.value(), "a/net.onnx");
        assert_eq!(input.options.to_string(), "resolution = [160, 128], batch = 4");
        assert!(input.errors.is_none());
        assert!(input.attributes[0].path().is_ident("doc"));
        assert!(matches!(input.item, Some((Visibility::Restricted(_), name)) if name == "Net"));
    }

    #[test]
    fn the_path_alone() {
        let input = parse(quote!(::mobilenet_runtime; "net.onnx")).expect("parses");
        assert!(input.item.is_none() && input.errors.is_none());
        assert_eq!(input.options, Options::default());
    }

    #[test]
    fn options_are_read_as_they_print() {
        for text in [
            "input = u8, normalise = (0.5, [0.25, 1.0, 2.0]), input_layout = nhwc, grey, ports = f16, softmax",
            "batch = 2, optimise = memory, max_arena = 65536",
            "optimise = speed",
            "resolution = [160, 128], batch = 4, normalise = (-1.0, 2.0), input_layout = nchw",
            "channel_order = bgr, output = \"a/b\"",
            "output = [\"a\", \"b\"]",
        ] {
            let options: TokenStream = text.parse().expect("tokens");
            let input = parse(quote!(r; "net.onnx", #options)).expect("parses");
            assert!(input.errors.is_none(), "{:?}", input.errors);
            assert_eq!(input.options.to_string(), text);
        }
    }

    #[test]
    fn options_of_the_input_are_refused_by_what_they_take() {
        let found = errors(quote!(
            r; "net.onnx", input = i8, normalise = 0.5, normalise = (0.5, x), normalise = (0.5, [1, 0]), normalise = (1, 2, 3),
            input_layout = hwc, grey = 1, grey, softmax, softmax
        ));
        assert_eq!(found.len(), 9, "{found:#?}");
        assert!(found[0].contains("`input = u8`"));
        assert!(found[1..5].iter().all(|error| error.contains("`normalise = (0.5, 0.5)`")), "{found:#?}");
        assert!(found[5].contains("`input_layout = nhwc`"));
        assert!(found[6].contains("expected `,`"));
        assert_eq!(found[7..], ["`grey` is given twice", "`softmax` is given twice"]);
    }

    #[test]
    fn options_of_the_classes() {
        let input = parse(quote!(r; "net.onnx", labels = "a/labels.txt", top_k = 5)).expect("parses");
        assert!(input.errors.is_none());
        assert_eq!(input.labels.map(|path| path.value()).as_deref(), Some("a/labels.txt"));
        assert_eq!(input.options.top_k, Some(5));
        let found = errors(quote!(r; "net.onnx", labels = labels, top_k = 0, labels = "a", labels = "b"));
        assert_eq!(found.len(), 3, "{found:#?}");
        assert!(found[0].contains("`labels = \"labels.txt\"`"));
        assert!(found[1].contains("`top_k = 5`"));
        assert_eq!(found[2], "`labels` is given twice");
    }

    #[test]
    fn all_errors_are_collected() {
        let found = errors(
            quote!(r; "net.onnx", size = [1, 2], batch = 0, batch = 2, batch = 3, resolution = 160 resolution = [1, x]),
        );
        assert_eq!(found.len(), 4, "{found:#?}");
        assert!(found[0].starts_with("unknown option `size`"));
        assert!(found[1].contains("`batch = 4`"));
        assert_eq!(found[2], "`batch` is given twice");
        assert!(found[3].contains("`resolution = [160, 160]`"));
        assert!(errors(quote!(r; "net.onnx", pub Net))[0].contains("struct"));
        assert!(errors(quote!(r; "net.onnx" batch = 2))[0].contains("expected `,`"));
    }

    #[test]
    fn a_path_is_a_literal() {
        for tokens in [quote!(r;), quote!(r; concat!("a", ".onnx")), quote!(r; 3)] {
            assert!(errors(tokens)[0].contains("string literal"));
        }
    }
}
