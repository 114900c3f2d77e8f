//! What a user writes between the parentheses of `mobilenet_model!`.

use proc_macro2::{Span, TokenStream, TokenTree};
use syn::parse::{Parse, ParseStream};
use syn::spanned::Spanned;
use syn::{Attribute, Expr, ExprArray, Ident, Lit, LitStr, Token, Visibility};

/// `runtime; "path", #[attributes] visibility struct Name, resolution = [h, w], batch = n`, everything but runtime and
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
    /// `[H, W]`
    pub resolution: Option<[usize; 2]>,
    /// Images per inference.
    pub batch: Option<usize>,
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
        let mut parsed =
            Self { runtime, path, attributes: Vec::new(), item: None, resolution: None, batch: None, errors: None };
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
        let repeated = match option.to_string().as_str() {
            "resolution" => {
                input.parse::<Token![=]>()?;
                self.resolution.replace(resolution(&input.parse()?)?).is_some()
            }
            "batch" => {
                input.parse::<Token![=]>()?;
                self.batch.replace(count(&input.parse()?, "a number of images, like `batch = 4`")?).is_some()
            }
            _ => {
                let message = format!(
                    "unknown option `{option}`; there are `resolution = [h, w]`, `batch = n` and `pub struct Name`"
                );
                return Err(syn::Error::new(option.span(), message));
            }
        };
        if repeated { Err(syn::Error::new(option.span(), format!("`{option}` is given twice"))) } else { Ok(()) }
    }
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

fn resolution(value: &Expr) -> syn::Result<[usize; 2]> {
    const EXPECTED: &str = "height and width, like `resolution = [160, 160]`";
    match value {
        Expr::Array(ExprArray { elems, .. }) if elems.len() == 2 => {
            Ok([count(&elems[0], EXPECTED)?, count(&elems[1], EXPECTED)?])
        }
        other => Err(syn::Error::new(other.span(), format!("expected {EXPECTED}"))),
    }
}

fn count(value: &Expr, expected: &str) -> syn::Result<usize> {
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
        assert_eq!((input.resolution, input.batch), (Some([160, 128]), Some(4)));
        assert!(input.errors.is_none());
        assert!(input.attributes[0].path().is_ident("doc"));
        assert!(matches!(input.item, Some((Visibility::Restricted(_), name)) if name == "Net"));
    }

    #[test]
    fn the_path_alone() {
        let input = parse(quote!(::mobilenet_runtime; "net.onnx")).expect("parses");
        assert!(input.item.is_none() && input.resolution.is_none() && input.batch.is_none() && input.errors.is_none());
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
