//! As much of JSON Schema as our own schemas use; a keyword that is not known here fails, so that none is overlooked.

use serde_json::Value;

/// Holds a value to the schema of that name.
pub(crate) fn holds(name: &str, value: &Value) {
    let path = format!("{}/docs/schemas/{name}.schema.json", env!("CARGO_MANIFEST_DIR"));
    let schema = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    if let Err(trouble) = check(&schema, value) {
        panic!("{name}: {trouble}");
    }
}

/// Checks a value against a schema of `docs/schemas`.
pub(crate) fn check(schema: &str, value: &Value) -> Result<(), String> {
    let schema: Value = serde_json::from_str(schema).expect("a schema");
    fits(&schema, &schema, value, "$")
}

fn fits(root: &Value, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
    for (keyword, wanted) in schema.as_object().expect("a schema is an object") {
        let good = match keyword.as_str() {
            "$schema" | "title" | "$defs" => true,
            "$ref" => {
                let place = wanted.as_str().and_then(|it| it.strip_prefix('#')).expect("a reference within");
                let target = root.pointer(place).unwrap_or_else(|| panic!("no {wanted}"));
                return fits(root, target, value, at);
            }
            "const" => value == wanted,
            "enum" => wanted.as_array().expect("values").contains(value),
            "type" => match wanted.as_array() {
                Some(kinds) => kinds.iter().any(|kind| is_of(kind, value)),
                None => is_of(wanted, value),
            },
            "minimum" => value.as_f64().is_none_or(|number| number >= wanted.as_f64().expect("a number")),
            "minLength" => value.as_str().is_none_or(|text| text.len() as u64 >= wanted.as_u64().expect("a length")),
            "maxLength" => value.as_str().is_none_or(|text| text.len() as u64 <= wanted.as_u64().expect("a length")),
            "required" => {
                let names = wanted.as_array().expect("names");
                !value.is_object() || names.iter().all(|name| value.get(name.as_str().unwrap()).is_some())
            }
            "additionalProperties" => {
                assert_eq!(wanted, &Value::Bool(false));
                let known = schema["properties"].as_object().expect("properties");
                value.as_object().is_none_or(|members| members.keys().all(|name| known.contains_key(name)))
            }
            "properties" => {
                for (name, schema) in wanted.as_object().expect("properties") {
                    if let Some(value) = value.get(name) {
                        fits(root, schema, value, &format!("{at}.{name}"))?;
                    }
                }
                true
            }
            "items" => {
                for (place, value) in value.as_array().into_iter().flatten().enumerate() {
                    fits(root, wanted, value, &format!("{at}[{place}]"))?;
                }
                true
            }
            other => panic!("{other} is no keyword that is known here"),
        };
        if !good {
            return Err(format!("{at}: {value} against {keyword} {wanted}"));
        }
    }
    Ok(())
}

fn is_of(kind: &Value, value: &Value) -> bool {
    match kind.as_str().expect("a type") {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("{other} is no type that is known here"),
    }
}

#[test]
fn what_does_not_fit_is_seen() {
    let schema = r#"{"type": "object", "required": ["a"], "additionalProperties": false, "properties": {"a": {"type": "array", "items": {"enum": [1]}}}}"#;
    assert_eq!(check(schema, &serde_json::json!({"a": [1, 1]})), Ok(()));
    for wrong in [
        serde_json::json!({}),
        serde_json::json!({"a": [2]}),
        serde_json::json!({"a": [], "b": 1}),
        serde_json::json!([]),
    ] {
        assert!(check(schema, &wrong).is_err(), "{wrong}");
    }
}
