//! The plan's steps as statics and calls.

use super::literals::{float, size};
use super::outputs::Outputs;
use crate::emit::descriptor::{self, Value};
use crate::plan::{Chain, Map, Op, Plan, Quant, RowsIn, Step};
use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

/// Stage descriptors and the calls that use them. Calls refer to `run`, `input` and `output`.
pub(super) struct Stages {
    pub items: TokenStream,
    pub calls: TokenStream,
    /// The calls that read the input by rows, which are of `read`; none where the plan has no such way.
    pub by_rows: Option<TokenStream>,
}

impl Stages {
    pub(super) fn new(plan: &Plan, outputs: &Outputs) -> Self {
        let mut writer = Writer { outputs, maps: Vec::new(), items: TokenStream::new() };
        let calls: Vec<_> = plan.steps.iter().enumerate().map(|(index, step)| writer.step(index, step)).collect();
        let by_rows = plan.rows_in().ok().map(|rows| {
            let mut calls = calls.clone();
            for (index, step) in plan.steps.iter().enumerate() {
                if let Op::Chain(chain) = &step.op
                    && chain.first().is_some_and(|first| first.source().is_some())
                {
                    calls[index] = writer.chain_by_rows(index, chain, &rows);
                }
            }
            calls.into_iter().collect()
        });
        Self { items: writer.items, calls: calls.into_iter().collect(), by_rows }
    }
}

struct Writer<'a> {
    outputs: &'a Outputs,
    maps: Vec<(Map, Ident)>,
    items: TokenStream,
}

impl Writer<'_> {
    /// The call of a step; what it refers to becomes an item.
    fn step(&mut self, index: usize, step: &Step) -> TokenStream {
        match &step.op {
            Op::Chain(chain) => self.chain(index, chain),
            Op::Dense { input, k, n, weights, epilogue, output } => {
                let value = self.value(&descriptor::dense(*input, *k, *n, *weights, epilogue));
                let name = self.item(format_ident!("DENSE_{index}"), &quote!(Dense), &value);
                match self.outputs.slice(*output, *n) {
                    Ok(output) => quote!(run.dense_out(&#name, #output);),
                    Err(offset) => quote!(run.dense(&#name, #offset);),
                }
            }
            Op::Copy { input, output, channel } => {
                let (input, output, channel) = (self.map(input), self.map(output), size(*channel));
                quote!(run.copy(&#input, &#output, #channel);)
            }
            Op::Activate { at, n, activation } => {
                let activation = self.value(&descriptor::activation(*activation));
                match self.outputs.slice(*at, *n) {
                    Ok(output) => quote!(run.activate(#output, #activation);),
                    Err(offset) => {
                        let n = size(*n);
                        quote!(run.activate_at(#offset, #n, #activation);)
                    }
                }
            }
            Op::Softmax { at, outer, n, inner, log } => {
                let [outer_size, n_size, inner_size] = [*outer, *n, *inner].map(size);
                match self.outputs.slice(*at, outer * n * inner) {
                    Ok(output) => quote!(run.softmax(#output, #n_size, #inner_size, #log);),
                    Err(offset) => quote!(run.softmax_at(#offset, #outer_size, #n_size, #inner_size, #log);),
                }
            }
            Op::LpNormalize { at, outer, n, inner, p, epsilon } => {
                let ([outer_size, n_size, inner_size], epsilon) = ([*outer, *n, *inner].map(size), float(*epsilon));
                let p = size(*p as usize);
                match self.outputs.slice(*at, outer * n * inner) {
                    Ok(output) => quote!(run.normalize(#output, #n_size, #inner_size, #p, #epsilon);),
                    Err(offset) => {
                        quote!(run.normalize_at(#offset, #outer_size, #n_size, #inner_size, #p, #epsilon);)
                    }
                }
            }
            Op::ArgMax { input, outer, n, inner, select_last, output } => {
                let [input, outer_size, n, inner_size] = [*input, *outer, *n, *inner].map(size);
                self.outputs.slice(*output, outer * inner).map_or_else(
                    |_| TokenStream::new(),
                    |output| quote!(run.argmax(#input, #outer_size, #n, #inner_size, #select_last, #output);),
                )
            }
            Op::Halve { input, n, output } => {
                let from = size(*input);
                self.outputs
                    .slice(*output, *n)
                    .map_or_else(|_| TokenStream::new(), |output| quote!(run.halve(#from, #output);))
            }
            Op::Convert { input, output, codes } => {
                let (input, output, codes) = (self.map(input), self.map(output), self.quant(*codes));
                quote!(run.convert(&#input, &#output, #codes);)
            }
            Op::Import { source, output, codes } => {
                let source = source.image();
                let on = if codes.is_some() { "codes_" } else { "" };
                let (map, method) = (self.map(output), format_ident!("import_{on}{}", source.element.name()));
                let codes = codes.map(|codes| self.quant(codes)).into_iter();
                let value = self.value(&descriptor::source(source));
                let name = self.item(format_ident!("SOURCE_{index}"), &quote!(Source), &value);
                quote!(run.#method(&#name, &#map, #(#codes,)* input);)
            }
            Op::Export { input, layout, output: target } => {
                let (map, layout) = (self.map(input), self.value(&descriptor::layout(*layout)));
                match self.outputs.slice(*target, input.shape().iter().product()) {
                    Ok(output) => {
                        let method = self.outputs.export(*target, input.element);
                        quote!(run.#method(&#map, #layout, #output);)
                    }
                    Err(offset) => quote!(run.export_at(&#map, #layout, #offset);),
                }
            }
        }
    }

    fn chain(&mut self, index: usize, chain: &Chain) -> TokenStream {
        let (stem, links) = descriptor::chain(chain);
        let element = chain.first().and_then(|first| first.source()).map_or("f32", |from| from.image().element.name());
        let input = if stem.is_some() { quote!(input) } else { quote!(&[]) };
        let stem = stem.map(|stem| self.value(&stem)).map_or_else(|| quote!(None), |stem| quote!(Some(#stem)));
        let links: Vec<TokenStream> = links.iter().map(|link| self.value(link)).collect();
        let value = quote!(rt::Chain { stem: #stem, links: &[#(#links),*] });
        let name = self.item(format_ident!("CHAIN_{index}"), &quote!(Chain), &value);
        let vector = chain.last().and_then(|last| Some((last.target()?, last.output.channels)));
        match vector.map(|(to, n)| self.outputs.slice(to, n)) {
            Some(Ok(output)) => {
                let method = format_ident!("chain_{element}_mean_out");
                quote!(run.#method(&#name, #input, #output);)
            }
            _ => {
                let method = format_ident!("chain_{element}");
                quote!(run.#method(&#name, #input);)
            }
        }
    }

    /// The call of a chain that reads the input, a row at a time.
    fn chain_by_rows(&self, index: usize, chain: &Chain, rows: &RowsIn) -> TokenStream {
        let name = format_ident!("CHAIN_{index}");
        let (method, row) = (format_ident!("chain_rows_{}", rows.image.element.name()), size(rows.offset));
        let vector = chain.last().and_then(|last| Some((last.target()?, last.output.channels)));
        let mean = match vector.map(|(to, n)| self.outputs.slice(to, n)) {
            Some(Ok(output)) => quote!(Some(#output)),
            _ => quote!(None),
        };
        quote!(run.#method(&#name, #row, &mut read, #mean);)
    }

    fn item(&mut self, name: Ident, ty: &TokenStream, value: &TokenStream) -> Ident {
        self.items.extend(quote!(static #name: rt::#ty = #value;));
        name
    }

    fn value(&mut self, value: &Value) -> TokenStream {
        match value {
            Value::Size(value) => {
                let value = size(*value);
                quote!(#value)
            }
            Value::Nowhere => quote!(rt::NONE),
            Value::Float(value) => float(*value),
            Value::Pair(pair) => {
                let [rows, columns] = pair.map(size);
                quote!([#rows, #columns])
            }
            Value::Floats(values) => {
                let values = values.iter().map(|&value| float(value));
                quote!(&[#(#values),*])
            }
            Value::Constant(ty, name) => {
                let [ty, name] = [ty, name].map(|part| format_ident!("{part}"));
                quote!(rt::#ty::#name)
            }
            Value::Pointer(None) => quote!(None),
            Value::Pointer(Some(value)) => {
                let value = self.value(value);
                quote!(Some(&#value))
            }
            Value::Map(None) => quote!(rt::Map::NONE),
            Value::Map(Some(map)) => {
                let map = self.map(map);
                quote!(#map)
            }
            Value::Struct("Epilogue", fields) => self.epilogue(fields),
            Value::Struct("Activation", fields) => match &fields[..] {
                [(_, Value::Constant(_, "Clamp")), (_, lo), (_, hi)] => {
                    let (lo, hi) = (self.value(lo), self.value(hi));
                    quote!(rt::Activation::clamp(#lo, #hi))
                }
                _ => self.structure("Activation", fields),
            },
            Value::Struct("Window", _) if *value == descriptor::window(&crate::plan::UNIT) => quote!(rt::Window::ONE),
            Value::Struct(ty, fields) => self.structure(ty, fields),
        }
    }

    fn quant(&mut self, quant: Quant) -> TokenStream {
        self.value(&descriptor::quant(Some(quant)))
    }

    fn structure(&mut self, ty: &str, fields: &[(&str, Value)]) -> TokenStream {
        let ty = format_ident!("{ty}");
        let fields = fields.iter().map(|(name, value)| {
            let (name, value) = (format_ident!("{name}"), self.value(value));
            quote!(#name: #value)
        });
        let fields: Vec<TokenStream> = fields.collect();
        quote!(rt::#ty { #(#fields),* })
    }

    /// In short where there is nothing but an activation.
    fn epilogue(&mut self, fields: &[(&str, Value)]) -> TokenStream {
        let mut present = fields.iter().filter(|(_, value)| !matches!(value, Value::Nowhere | Value::Map(None)));
        match (present.next(), present.next()) {
            (Some((_, activation)), None) => {
                let activation = self.value(activation);
                quote!(rt::Epilogue::of(#activation))
            }
            _ => self.structure("Epilogue", fields),
        }
    }

    /// The constant that holds a map, shared by its writer and its readers.
    fn map(&mut self, map: &Map) -> Ident {
        if let Some((_, name)) = self.maps.iter().rev().find(|(known, _)| known == map) {
            return name.clone();
        }
        let name = format_ident!("MAP_{}", self.maps.len());
        let fields = descriptor::map(map).map(|(field, value)| {
            let (field, value) = (format_ident!("{field}"), size(value));
            quote!(#field: #value)
        });
        self.items.extend(quote!(const #name: rt::Map = rt::Map { #(#fields),* };));
        self.maps.push((*map, name.clone()));
        name
    }
}
