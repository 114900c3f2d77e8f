//! `CMakeLists.txt` and `net_test.c`.

use super::text::expand;
use super::weights::{ENDIAN, NONSTRING, literals, union};
use super::{COptions, SelfTest, WeightStorage};
use crate::plan::Plan;

pub(super) fn cmake(options: &COptions, prefix: &str) -> String {
    let mut sources = vec![format!("{prefix}.c")];
    let mut languages = "C";
    let mut extra = String::new();
    match options.weights {
        WeightStorage::C => sources.push(format!("{prefix}_weights.c")),
        WeightStorage::Bin => {}
        WeightStorage::Incbin => {
            sources.push(format!("{prefix}_weights.S"));
            languages = "C ASM";
            extra = format!(
                "set_source_files_properties({prefix}_weights.S PROPERTIES\n    COMPILE_OPTIONS \"-Wa,-I,${{CMAKE_CURRENT_SOURCE_DIR}}\"\n    \
                 OBJECT_DEPENDS \"${{CMAKE_CURRENT_SOURCE_DIR}}/{prefix}.bin\")\n"
            );
        }
    }
    if options.self_test.is_some() {
        sources.push(format!("{prefix}_test.c"));
    }
    format!(
        "cmake_minimum_required(VERSION 3.13)\nproject({prefix} LANGUAGES {languages})\n\n\
         if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)\n  set(CMAKE_BUILD_TYPE Release)\nendif()\n\n\
         add_library({prefix} STATIC {})\n\
         target_include_directories({prefix} PUBLIC ${{CMAKE_CURRENT_SOURCE_DIR}})\n\
         set_target_properties({prefix} PROPERTIES C_STANDARD 99 C_STANDARD_REQUIRED ON C_EXTENSIONS OFF)\n{extra}",
        sources.join(" ")
    )
}

pub(super) fn self_test(plan: &Plan, test: &SelfTest, prefix: &str, banner: &str) -> String {
    let expected: Vec<u8> = test.expected.iter().flat_map(|x| x.to_le_bytes()).collect();
    let input_size = plan.network.input.dtype.bytes();
    let input = union(test.input.len(), "@@INPUT_TYPE", input_size);
    let output = union(expected.len(), "float", 4);
    let nonstring = |text: String| text.replace("unsigned char bytes", "@@NONSTRING unsigned char bytes");
    let head =
        format!("#include \"@h\"\n\n{ENDIAN}{NONSTRING}\nstatic const union {} @test_input = {{{{\n", nonstring(input));
    let middle = format!("}}}};\n\nstatic const union {} @test_expected = {{{{\n", nonstring(output));
    let tail = "}};\n\n\
        /* Every element within 1e-4 of the largest magnitude of its image. */\n\
        int @self_test(@arena *arena)\n{\n\
        \x20   static @@OUTPUT_TYPE output[@@OUTPUT_LEN];\n\
        \x20   const size_t length = @@OUTPUT_LEN / @@BATCH;\n\
        \x20   size_t image, i;\n\
        \x20   if (@run_checked(@test_input.values, output, arena) != @@OK) {\n        return 1;\n    }\n\
        \x20   for (image = 0; image < @@BATCH; image++) {\n\
        \x20       const float *const expected = @test_expected.values + image * length;\n\
        \x20       float largest = 0.0f;\n\
        \x20       for (i = 0; i < length; i++) {\n\
        \x20           const float size = expected[i] < 0.0f ? -expected[i] : expected[i];\n\
        \x20           largest = size > largest ? size : largest;\n        }\n\
        \x20       for (i = 0; i < length; i++) {\n\
        \x20           const float apart = (float)output[image * length + i] - expected[i];\n\
        \x20           if (!(apart <= 1e-4f * largest && -apart <= 1e-4f * largest)) {\n\
        \x20               return (int)(image * length + i) + 1;\n            }\n        }\n    }\n    return 0;\n}\n\n\
        #ifdef @@TEST_MAIN\nint main(void)\n{\n    static @arena arena;\n    return @self_test(&arena) != 0;\n}\n#endif\n";
    let mut text = banner.to_string();
    text += &expand(&head, prefix);
    text += &literals(&test.input);
    text += &expand(&middle, prefix);
    text += &literals(&expected);
    text += &expand(tail, prefix);
    text
}
