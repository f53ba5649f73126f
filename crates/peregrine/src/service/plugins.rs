//! Plugins: there are none in this version, but for the fields of the container plugin, which are
//! built in.

use peregrine_config::Settings;
use peregrine_config::keys::Plugin;

/// Name of the plugin whose fields are built in.
pub const CONTAINER: &str = "container";

/// Plugins that the configuration wants loaded and that are not built in.
pub fn missing(settings: &Settings) -> impl Iterator<Item = &Plugin> {
    wanted(settings).into_iter().filter(|plugin| plugin.name != CONTAINER)
}

/// Plugins that the configuration wants loaded, in its order.
fn wanted(settings: &Settings) -> Vec<&Plugin> {
    match &settings.load_plugins {
        None => settings.plugins.iter().collect(),
        Some(names) => {
            let find = |name: &String| settings.plugins.iter().find(|p| p.name == *name);
            names.iter().filter_map(find).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_loaded_and_not_built_in_is_missing() {
        let plugin = |name: &str| Plugin { name: name.into(), ..Plugin::default() };
        let plugins = vec![plugin("container"), plugin("json"), plugin("k8saudit")];
        let mut settings = Settings { plugins, ..Settings::default() };
        let names = |settings: &Settings| -> Vec<String> {
            missing(settings).map(|plugin| plugin.name.clone()).collect()
        };
        assert_eq!(names(&settings), ["json", "k8saudit"]);
        settings.load_plugins = Some(vec!["json".into(), "container".into()]);
        assert_eq!(names(&settings), ["json"]);
        settings.load_plugins = Some(Vec::new());
        assert_eq!(names(&settings), [""; 0]);
    }
}
