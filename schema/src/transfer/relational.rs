//! A domain's database, SQLite's or PostgreSQL's, as a [`Transfer`].

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::{StreamExt as _, future::BoxFuture, stream};
use portico_kernel::StoreError;
use sea_orm_migration::MigratorTrait;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{AnyTable, Begun, Lines, Put, Transfer, marks, table, table::contradicts};
use crate::{
    database::{Database, Rollback, store_error},
    moment::to_nanos,
};

/// The tables of a database.
pub(crate) struct Relational<'d> {
    /// The section of the configuration that opened it.
    pub(crate) section: &'static str,
    /// The latest step of its migrations.
    pub(crate) schema: String,
    /// Itself.
    pub(crate) database: &'d Database,
    /// What is carried, those tables first that others refer to.
    pub(crate) tables: &'static [&'static dyn AnyTable],
    /// Does what must be done before it is read.
    pub(crate) ready: fn(&Database) -> BoxFuture<'_, Result<(), StoreError>>,
    /// Tells whether a node runs over it.
    pub(crate) in_use: fn(&Database) -> BoxFuture<'_, Result<bool, StoreError>>,
}

/// The latest step of a database's migrations.
pub(crate) fn latest<M: MigratorTrait>() -> String {
    M::migrations().last().map(|step| step.name().to_owned()).unwrap_or_default()
}

/// Nothing.
pub(crate) fn always_ready(_: &Database) -> BoxFuture<'_, Result<(), StoreError>> {
    Box::pin(std::future::ready(Ok(())))
}

/// Nothing can be told.
pub(crate) fn unknown(_: &Database) -> BoxFuture<'_, Result<bool, StoreError>> {
    Box::pin(std::future::ready(Ok(false)))
}

#[async_trait]
impl Transfer for Relational<'_> {
    fn section(&self) -> &'static str {
        self.section
    }

    fn schema(&self) -> String {
        self.schema.clone()
    }

    fn files(&self) -> Vec<&'static str> {
        self.tables.iter().map(|table| table.file()).collect()
    }

    fn lines<'s>(&'s self, file: &'s str, live_at: Option<OffsetDateTime>) -> Lines<'s> {
        let (table, reader) = (table(file), self.database.read());
        let ready = move || (self.ready)(self.database);
        let pages = stream::try_unfold(Some(None), move |after| async move {
            let Some(after) = after else { return Ok(None) };
            if after.is_none() {
                ready().await?;
            }
            let page = table.page(reader, after, live_at).await.map_err(store_error)?;
            Ok(Some((page.lines, page.last.map(Some))))
        });
        pages.boxed()
    }

    async fn is_in_use(&self) -> Result<bool, StoreError> {
        (self.in_use)(self.database).await
    }

    async fn standing(&self, export: Uuid) -> Result<Begun, StoreError> {
        let tables = self.tables;
        let looked = self
            .database
            .write(move |tx| Box::pin(async move { Err(Rollback::Answer(marks::begin(tx, export, tables).await?)) }));
        looked.await
    }

    async fn begin(&self, export: Uuid) -> Result<Begun, StoreError> {
        let tables = self.tables;
        self.database.write(move |tx| Box::pin(async move { Ok(marks::begin(tx, export, tables).await?) })).await
    }

    async fn put(&self, export: Uuid, file: &str, lines: (u64, u64), rows: Vec<String>) -> Result<Put, StoreError> {
        let (table, name, rows) = (table(file), file.to_owned(), Arc::new(rows));
        let kept = Arc::clone(&rows);
        let put = self.database.write(move |tx| {
            Box::pin(async move {
                if !marks::advance(tx, export, &name, lines).await? {
                    return Ok(Some(Put::Overtaken));
                }
                match table.insert(tx, &kept).await {
                    Ok(None) => Ok(Some(Put::Kept)),
                    Ok(Some((index, detail))) => Err(Rollback::Answer(Some(Put::Refused { index, detail }))),
                    Err(error) if contradicts(&error).is_some() => Err(Rollback::Answer(None)),
                    Err(error) => Err(error.into()),
                }
            })
        });
        match put.await? {
            Some(put) => Ok(put),
            None => self.contradiction(table, rows).await,
        }
    }

    async fn end(&self, export: Uuid, now: OffsetDateTime) -> Result<(), StoreError> {
        self.database.write(move |tx| Box::pin(marks::end(tx, export, to_nanos(now)))).await
    }

    async fn unfinished(&self) -> Result<Option<Uuid>, StoreError> {
        marks::unfinished(self.database.read()).await
    }
}

impl Relational<'_> {
    /// Which of `lines` it is that cannot be kept; nothing is.
    async fn contradiction(&self, table: &'static dyn AnyTable, lines: Arc<Vec<String>>) -> Result<Put, StoreError> {
        let found = self
            .database
            .write(move |tx| Box::pin(async move { Err(Rollback::Answer(table.contradiction(tx, &lines).await?)) }));
        match found.await? {
            Some((index, detail)) => Ok(Put::Refused { index, detail }),
            None => Ok(Put::Overtaken),
        }
    }
}
