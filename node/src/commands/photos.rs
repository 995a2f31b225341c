//! `portico photos move`: moves the content of all photos, a few at a time, by whoever serves the data.

use indicatif::{ProgressBar, ProgressStyle};
use portico_config::{Config, ContentAdapter};
use portico_kernel::UserId;
use portico_photo::PhotoId;

use super::user::{known, refused, serve};
use crate::{
    control::{Desk, Moved, Places, Reply, Request},
    exit::Failure,
    output::{print, tell},
};

/// Moves all content, and tells how much it was.
///
/// # Errors
/// The operator's: the configuration has other places, or photos could not be moved. The node's: it cannot go on.
pub(crate) async fn run(config: Config, from: ContentAdapter, to: ContentAdapter) -> Result<(), Failure> {
    let places = Places { from, to };
    set_up(&config, places)?;
    Box::pin(serve(known(config)?, async |desk| Run::new(desk, places).all().await)).await
}

/// Nothing is moved before the nodes look in both places.
fn set_up(config: &Config, places: Places) -> Result<(), Failure> {
    let content = &config.photo.content;
    if (content.adapter, content.also) == (places.to, Some(places.from)) {
        return Ok(());
    }
    Err(Failure::config(format!("photo.content: {}", wanted(places))))
}

fn wanted(Places { from, to }: Places) -> String {
    format!("say `adapter: {}` and `also: {}`, start every node anew, and run this again", to.as_str(), from.as_str())
}

struct Run<'a> {
    desk: &'a mut Desk,
    places: Places,
    bar: ProgressBar,
    moved: u64,
    present: u64,
    left: u64,
}

impl<'a> Run<'a> {
    fn new(desk: &'a mut Desk, places: Places) -> Self {
        let style = "{bar:40} {percent}% {pos}/{len} photos, {eta} left{msg}";
        let style = ProgressStyle::with_template(style).expect("the template is well formed");
        Self { desk, places, bar: ProgressBar::new(0).with_style(style), moved: 0, present: 0, left: 0 }
    }

    async fn all(mut self) -> Result<(), Failure> {
        let mut after = None;
        loop {
            let step = self.step(after).await?;
            self.count(&step);
            if step.is_stuck {
                return Err(Failure::unavailable("no content could be moved for now; run this again to go on"));
            }
            if step.next.is_none() {
                return self.finish(step.waiting);
            }
            after = step.next;
        }
    }

    async fn step(&mut self, after: Option<(UserId, PhotoId)>) -> Result<Moved, Failure> {
        match self.desk.ask(Request::MovePhotos { places: self.places, after }).await? {
            Reply::Moved(moved) => Ok(moved),
            Reply::OtherPlaces => Err(Failure::config(format!("the running node: {}", wanted(self.places)))),
            Reply::Failed { detail, .. } => Err(Failure::unavailable(format!("{detail}; run this again to go on"))),
            other => Err(refused(other)),
        }
    }

    fn count(&mut self, step: &Moved) {
        let left = step.left.len() as u64;
        self.moved += step.copied;
        self.present += step.present;
        self.left += left;
        for (photo, why) in &step.left {
            self.bar.suspend(|| tell(&format!("photo {photo}: {why}")));
        }
        let done = self.moved + self.present + self.left;
        self.bar.set_length(step.total.max(done));
        self.bar.set_position(done);
    }

    fn finish(self, waiting: u64) -> Result<(), Failure> {
        let Places { from, to } = self.places;
        self.bar.finish_and_clear();
        print(&format!("{} moved, {} there already, {} left\n", self.moved, self.present, self.left))?;
        match (self.left, waiting) {
            (0, 0) => print(&format!(
                "all content is in {}: take `photo.content.also` out of the configuration\n",
                to.as_str()
            )),
            (0, waiting) => Err(Failure::temporary(format!(
                "{waiting} contents in {} are still to be deleted: run this again in an hour, before \
                 `photo.content.also` is taken out of the configuration",
                from.as_str()
            ))),
            (left, _) => Err(Failure::data(format!("{left} photos stay in {}; run this again", from.as_str()))),
        }
    }
}
