//! From the macro's input to the items it defines.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use mobilenet_compiler::emit::rust::{RustOptions, Weights, expand as expand_plan};
use mobilenet_compiler::locate::locate;
use mobilenet_compiler::naming::type_name;
use mobilenet_compiler::onnx::Model;
use mobilenet_compiler::options::Labels;
use mobilenet_compiler::{Error, Options, Problem};
use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::Visibility;

use crate::input::Input;
use crate::side_file;
use crate::skeleton::skeleton;

/// The type that `input` asks for, or what is wrong with it.
pub fn expand(input: TokenStream) -> TokenStream {
    match syn::parse2::<Input>(input) {
        Ok(input) => Expansion::new(input).tokens(),
        Err(error) => error.into_compile_error(),
    }
}

struct Expansion {
    input: Input,
    visibility: Visibility,
    name: Ident,
    /// What relative paths start at.
    base: PathBuf,
}

impl Expansion {
    fn new(mut input: Input) -> Self {
        let (visibility, name) = input.item.take().unwrap_or_else(|| {
            let name = type_name(Path::new(&input.path.value()));
            (syn::parse_quote!(pub(crate)), Ident::new(&name, input.path.span()))
        });
        let base = std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(PathBuf::new, PathBuf::from);
        Self { input, visibility, name, base }
    }

    fn tokens(&self) -> TokenStream {
        if let Some(errors) = &self.input.errors {
            let (errors, skeleton) = (errors.to_compile_error(), self.skeleton(self.read().ok().as_ref()));
            return quote!(#errors #skeleton);
        }
        let model = self.read();
        match model.as_ref().map_err(Clone::clone).and_then(|model| self.compile(model)) {
            Ok(tokens) => tokens,
            Err(error) => self.broken(&error, model.ok().as_ref()),
        }
    }

    fn read(&self) -> Result<Model, Error> {
        Model::read(locate(&self.base, &self.input.path.value())?)
    }

    fn compile(&self, model: &Model) -> Result<TokenStream, Error> {
        let labels = self.input.labels.as_ref().map(|labels| self.base.join(labels.value()));
        let mut options = Options { name: Some(self.name.to_string()), ..self.input.options.clone() };
        options.labels = labels.as_deref().map(Labels::read).transpose()?;
        let plan = mobilenet_compiler::compile(model, &options)?;
        let stored = side_file::store(&plan.weights, modified(&model.files));
        let weights = match stored.as_deref().and_then(Path::to_str) {
            Some(path) => Weights::Include(path.to_owned()),
            None => Weights::ByteString,
        };
        let attributes = &self.input.attributes;
        // A procedural macro has no warnings of its own: they stand in the type's documentation.
        let warnings = model.warnings().into_iter().map(|warning| format!("\n\nWarning: {warning}"));
        let options = RustOptions {
            name: self.name.clone(),
            visibility: self.visibility.to_token_stream(),
            attributes: quote!(#(#attributes)* #(#[doc = #warnings])*),
            runtime: self.input.runtime.clone(),
            weights,
            tracked: model.files.iter().chain(&labels).map(|file| tracked(file)).collect::<Result<_, _>>()?,
        };
        Ok(expand_plan(&plan, &options))
    }

    /// One error at the path, and a type that compiles.
    fn broken(&self, error: &Error, model: Option<&Model>) -> TokenStream {
        let message = error.to_string();
        let error = quote_spanned!(self.input.path.span()=> ::core::compile_error! { #message });
        let skeleton = self.skeleton(model);
        quote!(#error #skeleton)
    }

    fn skeleton(&self, model: Option<&Model>) -> TokenStream {
        skeleton(&self.input, &self.visibility, &self.name, model)
    }
}

/// The time of the youngest of the model's files.
fn modified(files: &[PathBuf]) -> SystemTime {
    let times = files.iter().filter_map(|file| std::fs::metadata(file).ok()?.modified().ok());
    times.max().unwrap_or(SystemTime::UNIX_EPOCH)
}

/// A file as `include_bytes!` takes it.
fn tracked(file: &Path) -> Result<String, Problem> {
    let absolute = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    absolute.to_str().map(str::to_owned).ok_or_else(|| {
        Problem::new("the path of a file is not valid Unicode").expected("UTF-8", absolute.display().to_string())
    })
}
