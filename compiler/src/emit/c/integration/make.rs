//! `Makefile`.

use super::Library;

const MAKEFILE: &str = r#"#
#   make                            lib@name@.a for this machine
#   make -f path/to/this/Makefile   in another folder
#   make install PREFIX=/usr/local  the library and its header
#
# For another machine, such as a Cortex-M4:
#
#   make CROSS_COMPILE=arm-none-eabi- CFLAGS="-Os -mcpu=cortex-m4 -mthumb -mfloat-abi=hard -mfpu=fpv4-sp-d16"

CROSS_COMPILE ?=
PREFIX ?= /usr/local
CFLAGS ?= -O3
ifeq ($(origin CC),default)
CC := $(CROSS_COMPILE)$(if $(CROSS_COMPILE),gcc,cc)
endif
ifeq ($(origin AR),default)
AR := $(CROSS_COMPILE)ar
endif

here := $(patsubst %/,%,$(dir $(lastword $(MAKEFILE_LIST))))
headers := $(addprefix $(here)/,@headers@)
objects := @objects@

lib@name@.a: $(objects)
	rm -f $@
	$(AR) rcs $@ $^

"#;

const C: &str = r#"@object@: $(here)/@source@ $(headers)
	$(CC) -std=c99 $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

"#;

const ASSEMBLY: &str = r#"@object@: $(here)/@source@ $(here)/@data@
	$(CC) -I$(here)@folder@ $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

"#;

const INSTALL: &str = r#"install: lib@name@.a
	install -d $(DESTDIR)$(PREFIX)/lib $(DESTDIR)$(PREFIX)/include
	install -m 644 lib@name@.a $(DESTDIR)$(PREFIX)/lib
	install -m 644 $(headers) $(DESTDIR)$(PREFIX)/include
"#;

const DATA: &str = r#"	install -d $(DESTDIR)$(PREFIX)/share/@name@
	install -m 644 $(here)/@data@ $(DESTDIR)$(PREFIX)/share/@name@
"#;

const CLEAN: &str = r#"
clean:
	rm -f lib@name@.a $(objects)

.PHONY: install clean
"#;

pub(super) fn makefile(library: &Library) -> String {
    let objects: Vec<_> = library.sources.iter().map(|source| object(source)).collect();
    let mut text = MAKEFILE.replace("@objects@", &objects.join(" "));
    for source in &library.sources {
        let rule = if source.ends_with(".S") { ASSEMBLY } else { C };
        text += &rule.replace("@object@", &object(source)).replace("@source@", source);
    }
    text += INSTALL;
    if library.data.is_some() && !library.assembles() {
        text += DATA;
    }
    text += CLEAN;
    library.expand(&text)
}

/// The object of a source, in the folder make runs in.
fn object(source: &str) -> String {
    let file = source.rsplit('/').next().unwrap_or(source);
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    format!("{stem}.o")
}
