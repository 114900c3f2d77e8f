//! What the type of a model offers, whether the model could be compiled or not.

use super::literals::{int, size};
use super::outputs::quantization;
use crate::graph::Quant;
use crate::network::Layout;
use crate::plan::Pixels;
use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

/// The facts behind the constants and functions of a type, its own and those of the `Model` trait.
#[derive(Debug, Clone)]
pub struct Surface {
    /// Name of the type; its arena's has `Arena` behind it.
    pub name: Ident,
    /// Path of the runtime crate.
    pub runtime: TokenStream,
    /// Types of the elements of input and output.
    pub elements: [TokenStream; 2],
    /// Shapes of input and output, batch included.
    pub shapes: [Vec<usize>; 2],
    /// Order of the input's axes.
    pub layout: Layout,
    /// What the model takes for the pixels of a picture.
    pub pixels: Pixels,
    /// Images per inference.
    pub batch: usize,
    /// Elements of input and output.
    pub lengths: [usize; 2],
    /// Bytes of working memory.
    pub arena_bytes: usize,
    /// Bytes of packed weights.
    pub weight_bytes: usize,
    /// Multiply-adds of one image.
    pub mult_adds: u64,
    /// What the codes of input and output stand for, where they are codes.
    pub quants: [Option<Quant>; 2],
    /// Names of the classes.
    pub labels: Option<Vec<String>>,
    /// How many classes `top_k` returns.
    pub top_k: Option<usize>,
}

impl Surface {
    /// The two implementations; `run` is the type's own function of that name.
    pub fn expand(&self, run: &TokenStream) -> TokenStream {
        let own = self.own(run);
        let of_trait = self.of_trait();
        quote!(#own #of_trait)
    }

    /// The implementation of a type whose output isn't one array of floats, so that it is no `Model`: `outputs` are the
    /// constants and functions that know of the outputs.
    pub fn expand_alone(&self, outputs: &TokenStream) -> TokenStream {
        let (name, facts, view, new) = (&self.name, self.facts(), self.view(), self.new_memory());
        quote! {
            #[allow(dead_code, clippy::unnecessary_box_returns)]
            impl #name {
                #facts
                #outputs
                #view
                #new
            }
        }
    }

    fn own(&self, run: &TokenStream) -> TokenStream {
        let Self { name, runtime, elements: [_, output], .. } = self;
        let output_rank = size(self.shapes[1].len());
        let output_shape = self.shapes[1].iter().map(|&n| size(n));
        let output_len = size(self.lengths[1]);
        let (facts, new) = (self.facts(), self.new_memory());
        let output_quantization = quantization(self.quants[1], "OUTPUT", "the output", runtime);
        let (labels, ranking, pictures) = (self.labels(), self.ranking(), self.pictures());
        quote! {
            #[allow(dead_code, clippy::unnecessary_box_returns)]
            impl #name {
                #facts
                #output_quantization
                /// Shape of the output, batch and options included, row-major.
                pub const OUTPUT_SHAPE: [usize; #output_rank] = [#(#output_shape),*];
                /// Elements of the output, the whole batch.
                pub const OUTPUT_LEN: usize = #output_len;
                #labels

                #run

                #ranking

                #pictures

                #new

                #runtime::__if_alloc! {
                    /// A zeroed output on the heap, without passing through the stack.
                    #[must_use]
                    pub fn new_output() -> #runtime::rt::Box<[#output; #output_len]> {
                        <Self as #runtime::Model>::new_output()
                    }
                }
            }
        }
    }

    /// The constants that don't concern the output.
    fn facts(&self) -> TokenStream {
        let runtime = &self.runtime;
        let input_rank = size(self.shapes[0].len());
        let input_shape = self.shapes[0].iter().map(|&n| size(n));
        let input_len = size(self.lengths[0]);
        let (layout, batch) = (self.layout(), size(self.batch));
        let (arena_bytes, weight_bytes, mult_adds) =
            (size(self.arena_bytes), size(self.weight_bytes), int(self.mult_adds));
        let pixels = format_ident!("{}", self.pixels.name());
        let pixels_doc = format!(" What the model takes for the pixels of a picture: {}.", self.pixels.describe());
        let quantization = quantization(self.quants[0], "INPUT", "the input", runtime);
        quote! {
            #quantization
            /// Shape of the input, batch and options included, row-major.
            pub const INPUT_SHAPE: [usize; #input_rank] = [#(#input_shape),*];
            /// Order of the input's axes.
            pub const INPUT_LAYOUT: #runtime::Layout = #runtime::Layout::#layout;
            #[doc = #pixels_doc]
            pub const PIXELS: #runtime::image::Pixels = #runtime::image::Pixels::#pixels;
            /// Images per inference.
            pub const BATCH: usize = #batch;
            /// Elements of the input, the whole batch.
            pub const INPUT_LEN: usize = #input_len;
            /// Bytes of working memory.
            pub const ARENA_BYTES: usize = #arena_bytes;
            /// Bytes of packed weights in the program.
            pub const WEIGHT_BYTES: usize = #weight_bytes;
            /// Mult-adds for one image.
            pub const MULT_ADDS: u64 = #mult_adds;
        }
    }

    /// Arena and input on the heap.
    fn new_memory(&self) -> TokenStream {
        let Self { name, runtime, elements: [input, _], .. } = self;
        let (arena, input_len) = (format_ident!("{name}Arena"), size(self.lengths[0]));
        quote! {
            #runtime::__if_alloc! {
                /// Working memory on the heap, without passing through the stack.
                #[must_use]
                pub fn new_arena() -> #runtime::rt::Box<#arena> {
                    #runtime::Zeroable::boxed()
                }

                /// A zeroed input on the heap, without passing through the stack.
                #[must_use]
                pub fn new_input() -> #runtime::rt::Box<[#input; #input_len]> {
                    #runtime::Zeroable::boxed()
                }
            }
        }
    }

    fn labels(&self) -> Option<TokenStream> {
        let labels = self.labels.as_ref()?;
        let count = size(labels.len());
        Some(quote! {
            /// Names of the classes, in the order of the scores.
            pub const LABELS: [&'static str; #count] = [#(#labels),*];
        })
    }

    fn ranking(&self) -> Option<TokenStream> {
        let (runtime, [_, output], k) = (&self.runtime, &self.elements, size(self.top_k?));
        Some(quote! {
            /// How many classes `top_k` returns.
            pub const TOP_K: usize = #k;

            /// The best classes of one image's row of scores: the largest first, equal ones by class, NaN behind every number.
            #[must_use]
            pub fn top_k(scores: &(impl #runtime::Elements<#output> + ?Sized)) -> #runtime::TopK<#k> {
                #runtime::top_k::<Self, #k>(scores)
            }
        })
    }

    /// The input as images, where it is such.
    fn view(&self) -> Option<TokenStream> {
        let input = &self.elements[0];
        let &[_, a, b, c] = &self.shapes[0][..] else { return None };
        if a * b * c == 0 {
            return None;
        }
        let input_len = size(self.lengths[0]);
        let axes = if self.layout == Layout::Nchw { "[channel][row][column]" } else { "[row][column][channel]" };
        let view_doc = format!(" The input as images `{axes}`, one after the other.");
        let (inner, rows, outer) = (size(c), size(b), size(a));
        Some(quote! {
            #[doc = #view_doc]
            #[must_use]
            pub fn images_mut(input: &mut [#input; #input_len]) -> &mut [[[[#input; #inner]; #rows]; #outer]] {
                input.as_chunks_mut::<#inner>().0.as_chunks_mut::<#rows>().0.as_chunks_mut::<#outer>().0
            }
        })
    }

    /// From a picture to the input, the output and the classes, for models that take pictures.
    fn pictures(&self) -> Option<TokenStream> {
        let Self { name, runtime, elements: [input, output], .. } = self;
        let view = self.view()?;
        let [input_len, output_len] = self.lengths.map(size);
        let arena = format_ident!("{name}Arena");
        if self.batch != 1 {
            return Some(view);
        }
        let (parameter, argument, told) = if self.pixels.are_folded() {
            (quote!(), quote!(&#runtime::image::Folded), "nothing is left to be said of its pixels")
        } else {
            let parameter = quote!(normalization: &#runtime::image::Normalization<'static>,);
            (parameter, quote!(normalization), "normalised as the model was trained")
        };
        let prepare_doc = format!(" Writes a picture into the input: resized, its axes in order, {told}.");
        Some(quote! {
            #view

            #[doc = #prepare_doc]
            ///
            /// # Errors
            /// Where the channels of the picture don't fit.
            pub fn prepare(
                picture: &#runtime::image::Image<'_>,
                #parameter
                input: &mut [#input; #input_len],
            ) -> ::core::result::Result<(), #runtime::image::ImageError> {
                #runtime::image::prepare::<Self>(picture, #argument, input)
            }

            #runtime::__if_alloc! {
                /// One inference on a picture, prepared in memory of the heap.
                ///
                /// # Errors
                /// Where the channels of the picture don't fit.
                pub fn run_image(
                    picture: &#runtime::image::Image<'_>,
                    #parameter
                    output: &mut [#output; #output_len],
                    arena: &mut #arena,
                ) -> ::core::result::Result<(), #runtime::image::ImageError> {
                    let mut input = Self::new_input();
                    #runtime::image::prepare::<Self>(picture, #argument, &mut input)?;
                    Self::run(&input, output, arena);
                    ::core::result::Result::Ok(())
                }

                /// The `K` best classes of a picture, best first, in memory of the heap.
                ///
                /// # Errors
                /// Where the channels of the picture don't fit.
                pub fn classify<const K: usize>(
                    picture: &#runtime::image::Image<'_>,
                    #parameter
                ) -> ::core::result::Result<#runtime::TopK<K>, #runtime::image::ImageError> {
                    let (mut output, mut arena) = (Self::new_output(), Self::new_arena());
                    let mut input = Self::new_input();
                    #runtime::image::prepare::<Self>(picture, #argument, &mut input)?;
                    Self::run(&input, &mut output, &mut arena);
                    ::core::result::Result::Ok(#runtime::top_k::<Self, K>(&output))
                }
            }
        })
    }

    /// The trait repeats what the type says.
    fn of_trait(&self) -> TokenStream {
        let Self { name, runtime, elements: [input, output], .. } = self;
        let arena = format_ident!("{name}Arena");
        let [input_len, output_len] = self.lengths.map(size);
        let normalization = match self.pixels.are_folded() {
            true => quote!(#runtime::image::Folded),
            false => quote!(#runtime::image::Normalization<'static>),
        };
        let labels = self.labels.as_ref().map(|_| quote!(const LABELS: &'static [&'static str] = &#name::LABELS;));
        quote! {
            impl #runtime::Model for #name {
                type Input = #input;
                type Output = #output;
                type InputArray = [#input; #input_len];
                type OutputArray = [#output; #output_len];
                type Arena = #arena;
                type Normalization = #normalization;
                const INPUT_SHAPE: &'static [usize] = &#name::INPUT_SHAPE;
                const OUTPUT_SHAPE: &'static [usize] = &#name::OUTPUT_SHAPE;
                const INPUT_LAYOUT: #runtime::Layout = #name::INPUT_LAYOUT;
                const PIXELS: #runtime::image::Pixels = #name::PIXELS;
                const BATCH: usize = #name::BATCH;
                const INPUT_LEN: usize = #name::INPUT_LEN;
                const OUTPUT_LEN: usize = #name::OUTPUT_LEN;
                const ARENA_BYTES: usize = #name::ARENA_BYTES;
                const WEIGHT_BYTES: usize = #name::WEIGHT_BYTES;
                const MULT_ADDS: u64 = #name::MULT_ADDS;
                #labels
                fn run(input: &Self::InputArray, output: &mut Self::OutputArray, arena: &mut Self::Arena) {
                    #name::run(input, output, arena);
                }
            }
        }
    }

    fn layout(&self) -> TokenStream {
        match self.layout {
            Layout::Nchw => quote!(Nchw),
            Layout::Nhwc => quote!(Nhwc),
        }
    }
}
