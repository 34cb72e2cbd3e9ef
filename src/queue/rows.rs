//! Rows as statements take them: a JSON array of arrays, as the database finds a place faster than a name.

/// A struct whose fields stand in JSON without their names, in this order.
macro_rules! row {
    ($(#[$about:meta])* struct $name:ident<'a> { $($field:ident: $kind:ty,)+ }) => {
        $(#[$about])*
        pub(super) struct $name<'a> {
            $(pub(super) $field: $kind,)+
        }

        impl serde::Serialize for $name<'_> {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                use serde::ser::SerializeTuple as _;
                let mut row = serializer.serialize_tuple([$(stringify!($field)),+].len())?;
                $(row.serialize_element(&self.$field)?;)+
                row.end()
            }
        }

        #[cfg(test)]
        impl $name<'_> {
            const FIELDS: &'static [&'static str] = &[$(stringify!($field)),+];
        }
    };
}

row! {
    /// A change of a job, without what it has in common with others of its kind.
    struct JobRow<'a> {
        job: i64,
        expected: u32,
        expected_used: u32,
        due_at: Option<i64>,
        attempt: u32,
        used: u32,
        weight: Option<u32>,
        source_arn: Option<&'a str>,
        operation: Option<&'a str>,
        record: Option<&'a str>,
        record_name: Option<&'a str>,
        service: Option<&'a str>,
        destination: Option<&'a str>,
        code: Option<&'a str>,
        message: Option<&'a str>,
        at: i64,
        poll_at: Option<i64>,
    }
}

row! {
    /// What is written of an attempt.
    struct AttemptRow<'a> {
        job: i64,
        number: u32,
        run: i64,
        at: i64,
        outcome: &'static str,
        status: Option<u16>,
        request: Option<&'a str>,
        code: Option<&'a str>,
        message: Option<&'a str>,
        answered: bool,
    }
}

row! {
    /// An entry of the ledger that has an owner.
    struct OwnedRow<'a> {
        job: i64,
        attempt: u32,
        entry: Option<i64>,
        operation: Option<&'a str>,
        created_at: Option<i64>,
        at: i64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The places that a statement names: `value ->> 4 AS to_state`.
    fn named(sql: &str) -> Vec<(usize, &str)> {
        sql.split("value ->> ")
            .skip(1)
            .filter_map(|rest| {
                let (place, name) = rest.split_once(" AS ")?;
                let name = name.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next()?;
                Some((place.parse().ok()?, name))
            })
            .collect()
    }

    #[test]
    fn statements_and_rows_agree_on_each_place() {
        for (fields, sql, places) in [
            (JobRow::FIELDS, include_str!("sql/move_jobs.sql"), 17),
            (JobRow::FIELDS, include_str!("sql/end_jobs.sql"), 15),
            (JobRow::FIELDS, include_str!("sql/add_transitions.sql"), 4),
            (AttemptRow::FIELDS, include_str!("sql/add_attempts.sql"), 4),
            (AttemptRow::FIELDS, include_str!("sql/answer_attempts.sql"), 9),
            (OwnedRow::FIELDS, include_str!("sql/own_entries.sql"), 3),
            (OwnedRow::FIELDS, include_str!("sql/add_sent_operations.sql"), 5),
        ] {
            assert_eq!(named(sql).len(), places, "{sql}");
            assert_eq!(sql.matches("value ->>").count(), places, "each with its name: {sql}");
            for (place, name) in named(sql) {
                assert_eq!(fields.get(place), Some(&name), "{sql}");
            }
        }
    }
}
