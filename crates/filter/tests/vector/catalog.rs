//! A catalogue with the names and types of Falco's fields, from the reference list.

use std::collections::BTreeMap;
use std::path::PathBuf;

use peregrine_event::ParamType;
use peregrine_event::table::EVENTS;
use peregrine_filter::{ArgRule, Catalog, FieldArg, FieldId, FieldInfo, FieldRef, Scope};
use serde_json::Value as Json;

/// Falco's fields and the mock fields of the vectors.
pub struct Fields {
    by_name: BTreeMap<&'static str, FieldInfo>,
}

impl Fields {
    /// Reads the list; `None`, said on stderr, if it is not there.
    pub fn load() -> Option<Self> {
        let root = std::env::var_os("PEREGRINE_SHARED").map_or_else(
            || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")),
            PathBuf::from,
        );
        let path = root.join("reference/fields.json");
        let Ok(text) = std::fs::read_to_string(&path) else {
            eprintln!("skipped: {} is not there", path.display());
            return None;
        };
        let list: Vec<Json> = serde_json::from_str(&text).expect("the list is a JSON array");
        let mut fields = Self { by_name: BTreeMap::new() };
        for field in &list {
            let flag = |name: &str| field["flags"].as_array().unwrap().iter().any(|f| f == name);
            let ty = ParamType::from_name(field["type"].as_str().unwrap()).expect("a known type");
            // `evt.abspath` is declared with a required argument and works without.
            let required = flag("EPF_ARG_REQUIRED") && field["name"] != "evt.abspath";
            let info = FieldInfo {
                arg: match (required, flag("EPF_ARG_ALLOWED") || flag("EPF_ARG_REQUIRED")) {
                    (true, _) => ArgRule::Required,
                    (false, true) => ArgRule::Optional,
                    (false, false) => ArgRule::None,
                },
                is_list: flag("EPF_IS_LIST"),
                filter_only: flag("EPF_FILTER_ONLY"),
                print_only: flag("EPF_PRINT_ONLY"),
                no_rhs: flag("EPF_NO_RHS"),
                no_transformer: flag("EPF_NO_TRANSFORMER"),
                deprecated: flag("EPF_DEPRECATED"),
                ..fields.plain(field["name"].as_str().unwrap(), ty)
            };
            fields.by_name.insert(info.name, info);
        }
        for name in ["c.true", "c.false", "c.doublequote", "c.singlequote"] {
            let info = fields.plain(name, ParamType::CharBuf);
            fields.by_name.insert(info.name, info);
        }
        let info = fields.plain("c.buffer", ParamType::ByteBuf);
        fields.by_name.insert(info.name, info);
        Some(fields)
    }

    fn plain(&self, name: &str, ty: ParamType) -> FieldInfo {
        FieldInfo {
            id: FieldId(self.by_name.len() as u16),
            name: name.to_owned().leak(),
            ty,
            is_list: false,
            arg: ArgRule::None,
            filter_only: false,
            print_only: false,
            no_rhs: false,
            no_transformer: false,
            deprecated: false,
            scope: Scope::Event,
        }
    }

    /// Name of a field.
    pub fn name(&self, id: FieldId) -> &'static str {
        self.by_name.values().find(|f| f.id == id).map_or("", |f| f.name)
    }
}

impl Catalog for Fields {
    fn field(&self, name: &str) -> Option<FieldInfo> {
        self.by_name.get(name).copied()
    }

    fn bind(&self, info: &FieldInfo, arg: Option<&str>) -> Result<FieldRef, String> {
        let mut ty = info.ty;
        if info.name == "evt.rawarg" {
            let mut params = EVENTS.iter().flat_map(|e| e.params);
            let param = params.find(|p| Some(p.name) == arg);
            ty = param.ok_or_else(|| format!("unknown event argument {arg:?}"))?.ty;
        }
        let arg = match arg {
            None => FieldArg::None,
            Some(text) => match text.parse() {
                Ok(index) => FieldArg::Index(index),
                Err(_) => FieldArg::Key(text.into()),
            },
        };
        Ok(FieldRef { id: info.id, arg, ty, is_list: info.is_list })
    }

    fn names(&self) -> Vec<&'static str> {
        self.by_name.keys().copied().collect()
    }
}
