//! The sections of object files and programs: ELF of 32 and 64 bits, little-endian, and WebAssembly.

use std::ops::Range;

/// One section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// Its name.
    pub name: String,
    /// Whether it holds instructions.
    pub code: bool,
    /// Where it is loaded.
    pub address: u64,
    /// Its bytes in memory.
    pub size: usize,
    /// Where they lie in the file; empty where memory is only reserved.
    pub range: Range<usize>,
}

/// All sections; `None` for another kind of file or a damaged one.
pub fn sections(file: &[u8]) -> Option<Vec<Section>> {
    match file.get(..4)? {
        b"\x7fELF" => elf(file),
        b"\0asm" => wasm(file),
        _ => None,
    }
}

/// Bytes of instructions.
pub fn code_bytes(file: &[u8]) -> Option<usize> {
    Some(sections(file)?.iter().filter(|section| section.code).map(|section| section.size).sum())
}

/// Offsets of the fields of the ELF header and of a section's header, and the bytes of an address.
struct Elf<'a> {
    file: &'a [u8],
    wide: bool,
}

impl Elf<'_> {
    fn number(&self, at: usize, bytes: usize) -> Option<usize> {
        let mut word = [0; 8];
        word[..bytes].copy_from_slice(self.file.get(at..at.checked_add(bytes)?)?);
        usize::try_from(u64::from_le_bytes(word)).ok()
    }

    /// A field that is an address wide, by its offset in each of the two formats.
    fn address(&self, at: usize, narrow: usize, wide: usize) -> Option<usize> {
        if self.wide { self.number(at + wide, 8) } else { self.number(at + narrow, 4) }
    }
}

fn elf(file: &[u8]) -> Option<Vec<Section>> {
    const NOBITS: usize = 8;
    const EXECINSTR: usize = 4;
    let elf = Elf { file, wide: file.get(4)? == &2 };
    let table = elf.address(0, 0x20, 0x28)?;
    let counts = if elf.wide { 0x3a } else { 0x2e };
    let [size, count, names] = [0, 2, 4].map(|offset| elf.number(counts + offset, 2));
    let (size, count, names) = (size?, count?, names?);
    let header = |index: usize| table.checked_add(index.checked_mul(size)?);
    let strings = elf.address(header(names)?, 0x10, 0x18)?;
    let mut sections = Vec::new();
    for index in 0..count {
        let at = header(index)?;
        let name = file.get(strings.checked_add(elf.number(at, 4)?)?..)?.split(|&byte| byte == 0).next()?;
        let (start, size) = (elf.address(at, 0x10, 0x18)?, elf.address(at, 0x14, 0x20)?);
        let reserved = elf.number(at + 4, 4)? == NOBITS;
        let range = start..if reserved { start } else { start.checked_add(size)? };
        file.get(range.clone())?;
        sections.push(Section {
            name: String::from_utf8_lossy(name).into_owned(),
            code: elf.address(at, 8, 8)? & EXECINSTR != 0,
            address: elf.address(at, 0xc, 0x10)? as u64,
            size,
            range,
        });
    }
    Some(sections)
}

fn wasm(file: &[u8]) -> Option<Vec<Section>> {
    const CODE: u8 = 10;
    let mut at = 8;
    let mut sections = Vec::new();
    while let Some(&id) = file.get(at) {
        let mut len = 0;
        for shift in (0..35).step_by(7) {
            at += 1;
            let byte = *file.get(at)?;
            len |= usize::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                break;
            }
        }
        let range = at + 1..(at + 1).checked_add(len)?;
        file.get(range.clone())?;
        at = range.end;
        sections.push(Section { name: id.to_string(), code: id == CODE, address: 0, size: len, range });
    }
    Some(sections)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_test_has_code_and_no_truncation_passes() {
        let file = std::fs::read(std::env::current_exe().expect("a path")).expect("a file");
        let sections = sections(&file).expect("ELF");
        let text = sections.iter().find(|section| section.name == ".text").expect("a .text");
        assert!(text.code && text.address > 0);
        assert!(code_bytes(&file).expect("ELF") >= text.size);
        assert_eq!(text.size, text.range.len());
        let bss = sections.iter().find(|section| section.name == ".bss").expect("a .bss");
        assert!(bss.size > 0 && bss.range.is_empty());
        // The table of sections ends the file, but for a few bytes of padding.
        for len in [0, 4, 5, 0x30, 0x40, file.len() - 64] {
            assert_eq!(super::sections(&file[..len]), None, "{len} bytes");
        }
    }

    #[test]
    fn webassembly_sections_are_counted_by_their_length() {
        let file = b"\0asm\x01\0\0\0\x01\x02ab\x0a\x83\0xyz";
        assert_eq!(code_bytes(file), Some(3));
        assert_eq!(sections(&file[..file.len() - 1]), None);
    }
}
