//! The endpoint port.

use super::SqliteStore;
use crate::base::actor::Actor;
use crate::base::clock::UnixMillis;
use crate::base::error::StoreError;
use crate::base::id::EndpointId;
use crate::send::outbox::{DisabledBecause, Endpoint, EndpointStore, NewEndpoint};
use crate::store::sql::endpoints::{
    EndpointRow, disable, enable, insert, select, select_all, select_number,
};

impl EndpointStore for SqliteStore {
    async fn create(
        &self,
        endpoint: NewEndpoint,
        _actor: &Actor,
        now: UnixMillis,
    ) -> Result<Endpoint, StoreError> {
        let id = EndpointId::generate(now, &*self.entropy);
        let endpoint = endpoint.into_endpoint(id, now);
        let mut write = self.write().await?;
        insert(&endpoint).execute(write.conn()).await?;
        write.commit().await?;
        Ok(endpoint)
    }

    async fn get(&self, id: &EndpointId) -> Result<Option<Endpoint>, StoreError> {
        let row: Option<EndpointRow> = select(id).fetch_optional(self.reader()).await?;
        row.map(Endpoint::try_from).transpose()
    }

    async fn list(&self) -> Result<Vec<Endpoint>, StoreError> {
        let rows: Vec<EndpointRow> = select_all().fetch_all(self.reader()).await?;
        rows.into_iter().map(Endpoint::try_from).collect()
    }

    async fn disable(
        &self,
        id: &EndpointId,
        _actor: &Actor,
        now: UnixMillis,
    ) -> Result<Option<Endpoint>, StoreError> {
        let mut write = self.write().await?;
        let number: Option<(i64,)> = select_number(id).fetch_optional(write.conn()).await?;
        if let Some((seq,)) = number {
            disable(write.conn(), seq, DisabledBecause::Operator, now).await?;
        }
        write.commit().await?;
        self.get(id).await
    }

    async fn enable(
        &self,
        id: &EndpointId,
        _actor: &Actor,
        _now: UnixMillis,
    ) -> Result<Option<Endpoint>, StoreError> {
        let mut write = self.write().await?;
        enable(id).execute(write.conn()).await?;
        write.commit().await?;
        self.get(id).await
    }
}
