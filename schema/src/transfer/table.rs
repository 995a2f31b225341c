//! A table's rows as lines of a file, and back.

use std::future::ready;

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use portico_kernel::FieldError;
use sea_orm::{
    ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait, ExprTrait as _, IntoSimpleExpr, ModelTrait as _,
    QueryFilter as _, QueryOrder, QuerySelect as _, SqlErr, Value,
    sea_query::{Expr, SimpleExpr},
};
use serde::{Serialize, de::DeserializeOwned};
use time::OffsetDateTime;

use super::{BATCH_MAX, line};
use crate::{database::Reader, moment::to_nanos};

/// A table that is carried. The line is what the file has for ever; a column that comes later is one that lines may lack.
pub(crate) trait Table: Send + Sync + 'static {
    /// Its rows.
    type Entity: EntityTrait<ActiveModel: Send>;
    /// What is written of a row.
    type Line: Serialize + DeserializeOwned + Send + Sync;
    /// The file's name.
    const FILE: &'static str;

    /// The columns that rows are read in the order of, unique together.
    fn order() -> Vec<<Self::Entity as EntityTrait>::Column>;

    /// What is written of `row`.
    fn line(row: <Self::Entity as EntityTrait>::Model) -> Self::Line;

    /// Checks a line, and normalises it as the domain would.
    ///
    /// # Errors
    /// Whoever wrote it: a field that breaks a rule.
    fn valid(line: Self::Line) -> Result<Self::Line, FieldError>;

    /// The row that `line` tells of.
    fn row(line: Self::Line) -> <Self::Entity as EntityTrait>::ActiveModel;

    /// The first of `lines` that must not come in beside what is there, and why; for most tables the database knows it.
    fn against<'t>(_: &'t DatabaseTransaction, _: &'t [Self::Line]) -> BoxFuture<'t, Result<Option<Against>, DbErr>> {
        Box::pin(ready(Ok(None)))
    }

    /// When the row is over and need not be carried; most never are.
    fn ends_at(_: &Self::Line) -> Option<i64> {
        None
    }
}

/// A line that cannot come in, counted from 0, and why.
pub(crate) type Against = (usize, &'static str);

/// A part of a table.
pub(crate) struct Page {
    /// What is written of its rows; those that are over left out.
    pub(crate) lines: Vec<String>,
    /// The key of the last row; none at the end of the table.
    pub(crate) last: Option<Vec<Value>>,
}

/// Any [`Table`].
#[async_trait]
pub(crate) trait AnyTable: Send + Sync {
    /// The file's name.
    fn file(&self) -> &'static str;

    /// As [`super::Transfer::rewrite`].
    fn rewrite(&self, line: &str, live_at: Option<OffsetDateTime>) -> Result<Option<String>, FieldError>;

    /// The rows after the one of key `after`.
    async fn page(
        &self,
        reader: &Reader,
        after: Option<Vec<Value>>,
        live_at: Option<OffsetDateTime>,
    ) -> Result<Page, DbErr>;

    /// Whether there is no row.
    async fn is_empty(&self, tx: &DatabaseTransaction) -> Result<bool, DbErr>;

    /// Keeps the rows that `lines` tell of; or answers the first that must not come in.
    async fn insert(&self, tx: &DatabaseTransaction, lines: &[String]) -> Result<Option<Against>, DbErr>;

    /// The first of `lines` that contradicts those before it or what is there, and in what. It leaves rows behind, or a
    /// transaction that failed: it must be rolled back.
    async fn contradiction(&self, tx: &DatabaseTransaction, lines: &[String]) -> Result<Option<Against>, DbErr>;
}

#[async_trait]
impl<T: Table> AnyTable for T {
    fn file(&self) -> &'static str {
        T::FILE
    }

    fn rewrite(&self, line: &str, live_at: Option<OffsetDateTime>) -> Result<Option<String>, FieldError> {
        let line = T::valid(line::parse(line)?)?;
        Ok(is_live::<T>(&line, live_at).then(|| line::text(&line)))
    }

    async fn page(
        &self,
        reader: &Reader,
        after: Option<Vec<Value>>,
        live_at: Option<OffsetDateTime>,
    ) -> Result<Page, DbErr> {
        let mut query = T::Entity::find();
        if let Some(after) = after {
            let columns = T::order().into_iter().map(IntoSimpleExpr::into_simple_expr);
            let key = after.into_iter().map(SimpleExpr::from);
            query = query.filter(Expr::tuple(columns).gt(Expr::tuple(key)));
        }
        query = T::order().into_iter().fold(query, QueryOrder::order_by_asc);
        let rows = query.limit(BATCH_MAX as u64).all(reader).await?;
        let last = rows.last().map(|row| T::order().into_iter().map(|column| row.get(column)).collect());
        let lines = rows.into_iter().map(T::line).filter(|line| is_live::<T>(line, live_at));
        Ok(Page { lines: lines.map(|line| line::text(&line)).collect(), last })
    }

    async fn is_empty(&self, tx: &DatabaseTransaction) -> Result<bool, DbErr> {
        let mut query = T::Entity::find();
        let query = sea_orm::QueryTrait::query(&mut query).clear_selects().expr(Expr::val(1)).limit(1).take();
        Ok(tx.query_one(&query).await?.is_none())
    }

    async fn insert(&self, tx: &DatabaseTransaction, lines: &[String]) -> Result<Option<Against>, DbErr> {
        let lines = lines.iter().map(|line| checked::<T>(line)).collect::<Result<Vec<_>, _>>()?;
        let against = T::against(tx, &lines).await?;
        if against.is_none() {
            T::Entity::insert_many(lines.into_iter().map(T::row)).exec_without_returning(tx).await?;
        }
        Ok(against)
    }

    async fn contradiction(&self, tx: &DatabaseTransaction, lines: &[String]) -> Result<Option<Against>, DbErr> {
        for (index, line) in lines.iter().enumerate() {
            let row = T::row(checked::<T>(line)?);
            if let Err(error) = T::Entity::insert(row).exec_without_returning(tx).await {
                return contradicts(&error).map(|detail| Some((index, detail))).ok_or(error);
            }
        }
        Ok(None)
    }
}

/// What an error says of the row that it is about.
pub(crate) fn contradicts(error: &DbErr) -> Option<&'static str> {
    match error.sql_err()? {
        SqlErr::UniqueConstraintViolation(_) => Some("an earlier line tells of the same"),
        SqlErr::ForeignKeyConstraintViolation(_) => Some("no line tells of what it belongs to"),
        _ => None,
    }
}

fn is_live<T: Table>(line: &T::Line, live_at: Option<OffsetDateTime>) -> bool {
    let Some(live_at) = live_at else { return true };
    T::ends_at(line).is_none_or(|ends_at| ends_at > to_nanos(live_at))
}

/// A line that was checked before it came here.
fn checked<T: Table>(line: &str) -> Result<T::Line, DbErr> {
    let broken = |error: FieldError| DbErr::Custom(format!("{}: {}", error.field, error.detail));
    line::parse(line).and_then(T::valid).map_err(broken)
}
