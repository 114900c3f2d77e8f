//! The plan's steps as statics and calls.

use super::literals::{float, size};
use crate::graph::{DType, Window};
use crate::network::Layout;
use crate::plan::{Clamp, Kernel, Map, Plan, Source, Step, Target};
use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

/// Stage descriptors and the calls that use them. Calls refer to `run`, `input` and `output`.
pub(super) struct Stages {
    pub items: TokenStream,
    pub calls: TokenStream,
}

impl Stages {
    pub(super) fn new(plan: &Plan) -> Self {
        let mut writer = Writer { maps: Vec::new(), items: TokenStream::new(), calls: TokenStream::new() };
        for (index, step) in plan.steps.iter().enumerate() {
            writer.step(index, step);
        }
        Self { items: writer.items, calls: writer.calls }
    }
}

struct Writer {
    maps: Vec<(Map, Ident)>,
    items: TokenStream,
    calls: TokenStream,
}

impl Writer {
    fn step(&mut self, index: usize, step: &Step) {
        match &step.kernel {
            Kernel::Stem { input, .. } => {
                let value = self.stem(&step.kernel);
                let name = self.item(index, "STEM", &quote!(Stem), &value);
                let method = format_ident!("stem_{}", element(input.element));
                self.calls.extend(quote!(run.#method(&#name, input);));
            }
            Kernel::Separable { .. } => {
                let value = self.separable(&step.kernel);
                let name = self.item(index, "SEPARABLE", &quote!(Separable), &value);
                self.calls.extend(quote!(run.separable(&#name);));
            }
            Kernel::Depthwise { input, window, weights, clamp, output } => {
                let value = self.windowed(&quote!(Depthwise), [input, output], window, *weights, clamp);
                let name = self.item(index, "DEPTHWISE", &quote!(Depthwise), &value);
                self.calls.extend(quote!(run.depthwise(&#name);));
            }
            Kernel::Conv { input, window, weights, clamp, output } => {
                let value = self.windowed(&quote!(Conv), [input, output], window, *weights, clamp);
                let name = self.item(index, "CONV", &quote!(Conv), &value);
                self.calls.extend(quote!(run.conv(&#name);));
            }
            Kernel::Pointwise { input, weights, clamp, output } => {
                let (input, output) = (self.map(input), self.map(output));
                let (weights, clamp) = (size(*weights), clamp_value(clamp));
                let value = quote!(rt::Pointwise { input: #input, weights: #weights, clamp: #clamp, output: #output });
                let name = self.item(index, "POINTWISE", &quote!(Pointwise), &value);
                self.calls.extend(quote!(run.pointwise(&#name);));
            }
            Kernel::GlobalAveragePool { input, output } => {
                let map = self.map(input);
                self.calls.extend(match output {
                    Target::Output => quote!(run.global_average_pool_out(&#map, output);),
                    Target::Arena(offset) => {
                        let offset = size(*offset);
                        quote!(run.global_average_pool(&#map, #offset);)
                    }
                });
            }
            Kernel::Dense { input, k, n, weights, clamp, output } => {
                let (input, k, n, weights) = (size(*input), size(*k), size(*n), size(*weights));
                let epilogue = epilogue_value(clamp);
                let value = quote!(rt::Dense { input: #input, k: #k, n: #n, weights: #weights, epilogue: #epilogue });
                let name = self.item(index, "DENSE", &quote!(Dense), &value);
                self.calls.extend(match output {
                    Target::Output => quote!(run.dense_out(&#name, output);),
                    Target::Arena(offset) => {
                        let offset = size(*offset);
                        quote!(run.dense(&#name, #offset);)
                    }
                });
            }
            Kernel::Softmax { at, n, log } => self.calls.extend(match at {
                Target::Output => {
                    let n = size(*n);
                    quote!(run.softmax(output, #n, 1, #log);)
                }
                Target::Arena(offset) => {
                    let (offset, n) = (size(*offset), size(*n));
                    quote!(run.softmax_at(#offset, 1, #n, 1, #log);)
                }
            }),
            Kernel::Import { input, output } => {
                let map = self.map(output);
                let method = format_ident!("import_{}", element(input.element));
                let value = source(input);
                let name = self.item(index, "SOURCE", &quote!(Source), &value);
                self.calls.extend(quote!(run.#method(&#name, &#map, input);));
            }
            Kernel::Export { input, layout } => {
                let (map, layout) = (self.map(input), layout_value(*layout));
                self.calls.extend(quote!(run.export(&#map, #layout, output);));
            }
            Kernel::Stream { steps } => self.stream(index, steps),
        }
    }

    fn stream(&mut self, index: usize, steps: &[Step]) {
        let (first, rest) = match steps.split_first() {
            Some((first, rest)) if matches!(first.kernel, Kernel::Stem { .. }) => (Some(&first.kernel), rest),
            _ => (None, steps),
        };
        let stem = match first {
            Some(kernel) => {
                let value = self.stem(kernel);
                quote!(::core::option::Option::Some(#value))
            }
            None => quote!(::core::option::Option::None),
        };
        let stages: Vec<_> = rest.iter().map(|step| self.separable(&step.kernel)).collect();
        let value = quote!(rt::Stream { stem: #stem, stages: &[#(#stages),*] });
        let name = self.item(index, "STREAM", &quote!(Stream), &value);
        self.calls.extend(match first.and_then(Kernel::source) {
            Some(source) => {
                let method = format_ident!("stream_{}", element(source.element));
                quote!(run.#method(&#name, input);)
            }
            None => quote!(run.stream_f32(&#name, &[]);),
        });
    }

    fn stem(&mut self, kernel: &Kernel) -> TokenStream {
        let Kernel::Stem { input, window, weights, pad_values, clamp, output, scratch } = kernel else {
            return TokenStream::new();
        };
        let (input, window, weights) = (source(input), window_value(window), size(*weights));
        let pad_values = pad_values.iter().map(|&value| float(value));
        let (epilogue, output, scratch) = (epilogue_value(clamp), self.map(output), size(*scratch));
        quote! {
            rt::Stem {
                input: #input,
                window: #window,
                weights: #weights,
                pad_values: &[#(#pad_values),*],
                epilogue: #epilogue,
                output: #output,
                scratch: #scratch
            }
        }
    }

    fn separable(&mut self, kernel: &Kernel) -> TokenStream {
        let Kernel::Separable { input, window, depthwise, depthwise_clamp, pointwise, clamp, output, scratch } = kernel
        else {
            return TokenStream::new();
        };
        let (input, output, window) = (self.map(input), self.map(output), window_value(window));
        let (depthwise_clamp, clamp) = (clamp_value(depthwise_clamp), clamp_value(clamp));
        let (depthwise, pointwise, scratch) = (size(*depthwise), size(*pointwise), size(*scratch));
        quote! {
            rt::Separable {
                input: #input,
                window: #window,
                depthwise: #depthwise,
                depthwise_clamp: #depthwise_clamp,
                pointwise: #pointwise,
                clamp: #clamp,
                output: #output,
                scratch: #scratch
            }
        }
    }

    fn windowed(
        &mut self,
        ty: &TokenStream,
        [input, output]: [&Map; 2],
        window: &Window,
        weights: usize,
        clamp: &Clamp,
    ) -> TokenStream {
        let (input, output, window) = (self.map(input), self.map(output), window_value(window));
        let (weights, clamp) = (size(weights), clamp_value(clamp));
        quote!(rt::#ty { input: #input, window: #window, weights: #weights, clamp: #clamp, output: #output })
    }

    fn item(&mut self, index: usize, name: &str, ty: &TokenStream, value: &TokenStream) -> Ident {
        let name = format_ident!("{name}_{index}");
        self.items.extend(quote!(static #name: rt::#ty = #value;));
        name
    }

    /// The constant that holds a map, shared by its writer and its readers.
    fn map(&mut self, map: &Map) -> Ident {
        if let Some((_, name)) = self.maps.iter().rev().find(|(known, _)| known == map) {
            return name.clone();
        }
        let name = format_ident!("MAP_{}", self.maps.len());
        let Map { offset, height, width, channels, group, ring } = *map;
        let [offset, height, width] = [offset, height, width].map(size);
        let [channels, group, ring] = [channels, group, ring].map(size);
        self.items.extend(quote! {
            const #name: rt::Map = rt::Map {
                offset: #offset,
                height: #height,
                width: #width,
                channels: #channels,
                group: #group,
                ring: #ring
            };
        });
        self.maps.push((*map, name.clone()));
        name
    }
}

/// The Rust type of an input's elements.
pub(super) fn element(dtype: DType) -> &'static str {
    match dtype {
        DType::U8 => "u8",
        DType::I8 => "i8",
        _ => "f32",
    }
}

fn source(source: &Source) -> TokenStream {
    let [height, width, channels] = [source.height, source.width, source.channels].map(size);
    let layout = layout_value(source.layout);
    quote!(rt::Source { height: #height, width: #width, channels: #channels, layout: #layout })
}

fn layout_value(layout: Layout) -> TokenStream {
    match layout {
        Layout::Nchw => quote!(rt::Layout::Nchw),
        Layout::Nhwc => quote!(rt::Layout::Nhwc),
    }
}

fn window_value(window: &Window) -> TokenStream {
    let [kh, kw] = window.kernel.map(size);
    let [sh, sw] = window.stride.map(size);
    let [dh, dw] = window.dilation.map(size);
    let [top, left] = [window.pads[0], window.pads[1]].map(|pad| size(usize::try_from(pad).unwrap_or(0)));
    quote!(rt::Window { kernel: [#kh, #kw], stride: [#sh, #sw], dilation: [#dh, #dw], pad: [#top, #left] })
}

fn epilogue_value(clamp: &Clamp) -> TokenStream {
    let (lo, hi) = (float(clamp.lo), float(clamp.hi));
    quote!(rt::Epilogue::clamp(#lo, #hi))
}

fn clamp_value(clamp: &Clamp) -> TokenStream {
    let (lo, hi) = (float(clamp.lo), float(clamp.hi));
    quote!(rt::Clamp { lo: #lo, hi: #hi })
}
