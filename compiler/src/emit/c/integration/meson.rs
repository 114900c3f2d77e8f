//! `meson.build`.

use super::Library;

const BUILD: &str = r#"project('@name@', 'c', version: '@version@', meson_version: '>=0.56',
  default_options: ['c_std=c99', 'buildtype=release'])

@name@_lib = static_library('@name@', @quoted sources@,
  include_directories: '.@folder@', install: not meson.is_subproject())
@name@_dep = declare_dependency(link_with: @name@_lib, include_directories: '.@folder@')
meson.override_dependency('@name@', @name@_dep)

if not meson.is_subproject()
  install_headers(@quoted headers@)
  import('pkgconfig').generate(@name@_lib, description: 'A MobileNet compiled to C')
"#;

const DATA: &str = "  install_data('@data@', install_dir: get_option('datadir') / '@name@')\n";

pub(super) fn build(library: &Library) -> String {
    let mut text = BUILD
        .replace("@quoted sources@", &quoted(&library.sources))
        .replace("@quoted headers@", &quoted(&library.headers));
    if library.data.is_some() && !library.assembles() {
        text += DATA;
    }
    text += "endif\n";
    library.expand(&text)
}

fn quoted(names: &[String]) -> String {
    names.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ")
}
