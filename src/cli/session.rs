//! What a command on the database works with, put together once for all of them.

use crate::cli::steer::consent::{Asking, ConsentArgs};
use crate::cli::terminal::screen::Screen;
use crate::clock::Clock;
use crate::domain::Timestamp;
use crate::queue::{ActPlan, Queue};
use crate::report::acted_text;
use crate::settings::Settings;

/// One command's access to the database and to the person who gave it.
pub struct Session<'a> {
    /// The database.
    pub queue: &'a Queue,
    /// The settings of this command. A daemon that was started with others goes by its own.
    pub settings: &'a Settings,
    /// Tells the time, for the history too.
    pub clock: &'a dyn Clock,
    /// Who acts, for the history.
    pub person: &'a str,
    /// Where the command writes.
    pub screen: Screen<'a>,
    /// Who can be asked.
    pub asking: Asking<'a>,
}

impl Session<'_> {
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Prints each line, broken where the terminal is too narrow for it.
    pub(crate) fn say_lines(&mut self, lines: Vec<String>) -> anyhow::Result<()> {
        if lines.is_empty() { Ok(()) } else { self.screen.say(&self.screen.style.lay_out(lines)) }
    }

    /// Asks a question such as `Cancel 3 jobs`, unless --yes answers it.
    pub(crate) fn agrees(&mut self, consent: ConsentArgs, question: &str) -> anyhow::Result<bool> {
        consent.ask(question, &mut self.asking, &mut self.screen)
    }

    /// Does what was planned, and says what came of it.
    pub(crate) async fn act(&mut self, plan: &ActPlan) -> anyhow::Result<()> {
        let acted = self.queue.act(plan, self.now(), self.person).await?;
        self.screen.say(&acted_text(plan, acted, self.screen.style))
    }
}
