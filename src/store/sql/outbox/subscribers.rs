//! The endpoints that get an event.

use super::dialect::OutboxSql;
use super::rows::FilterRow;
use crate::base::clock::UnixMillis;
use crate::base::error::StoreError;
use crate::store::sql::columns::unreadable;
use crate::store::sql::endpoints::disable_unreadable;
use crate::store::sql::statement::Statement;
use crate::wire::event::{EventFilter, EventType};

/// All endpoints, with the columns that the fan-out needs.
pub(crate) struct Subscribers {
    groups: Vec<Group>,
    /// Whether this read disabled an endpoint.
    pub(crate) changed: bool,
}

/// The endpoints of a [`FilterRow`].
struct Group {
    /// `None` if the filter cannot be read.
    filter: Option<EventFilter>,
    enabled: bool,
    endpoints: Vec<i64>,
}

impl Subscribers {
    /// Reads the endpoints and disables those with an unreadable filter.
    pub(crate) async fn select<C: OutboxSql>(
        conn: &mut C,
        now: UnixMillis,
    ) -> Result<Self, StoreError> {
        let rows: Vec<FilterRow> = conn.fetch_all(Statement::new(C::SELECT_FILTERS)).await?;
        let mut groups = Vec::with_capacity(rows.len());
        let mut changed = false;
        for row in rows {
            let mut group = Group::try_from(row)?;
            if group.filter.is_none() && group.enabled {
                group.enabled = false;
                changed = true;
                let error = unreadable("tas_endpoints.filter");
                for endpoint in &group.endpoints {
                    disable_unreadable(conn, *endpoint, &error, now).await?;
                }
            }
            groups.push(group);
        }
        Ok(Self { groups, changed })
    }

    /// Returns the endpoints whose filter matches an event of this type, and whether each is enabled.
    ///
    /// An unreadable filter matches every event: its endpoint is disabled, so that its deliveries are
    /// stored as skipped.
    pub(crate) fn of(&self, event_type: &EventType) -> impl Iterator<Item = (i64, bool)> {
        self.groups
            .iter()
            .filter(|group| {
                let filter = group.filter.as_ref();
                filter.is_none_or(|filter| filter.matches(event_type))
            })
            .flat_map(|group| group.endpoints.iter().map(|seq| (*seq, group.enabled)))
    }
}

impl TryFrom<FilterRow> for Group {
    type Error = StoreError;

    fn try_from(row: FilterRow) -> Result<Self, StoreError> {
        let filter = str::from_utf8(&row.filter_utf8).ok();
        let endpoints = serde_json::from_str(&row.endpoints);
        Ok(Self {
            filter: filter.and_then(|text| text.parse().ok()),
            enabled: row.enabled,
            endpoints: endpoints.map_err(|_invalid| unreadable("tas_endpoints.seq"))?,
        })
    }
}
