//! What is on the terminal: which tables, how they are sorted, and drawing them.

use ratatui::Frame;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Cell as TableCell, Paragraph, Row, Table as TableWidget};

use super::cell::Cell;
use super::view::{Subject, Table, View};

/// Characters of a bar.
const BAR: usize = 10;
const KEYS: &str = "q quit   Tab 1-6 pages   s S sort by next, previous column   r reverse   p pause   arrows scroll";

struct Page {
    title: &'static str,
    subjects: &'static [Subject],
    /// Which of them keys are about.
    main: Subject,
}

const PAGES: [Page; 6] = [
    Page {
        title: "Overview",
        subjects: &[
            Subject::Workers,
            Subject::Drops,
            Subject::Processes,
            Subject::Events,
            Subject::Rules,
        ],
        main: Subject::Processes,
    },
    Page {
        title: "Workers",
        subjects: &[Subject::Workers, Subject::Rings],
        main: Subject::Workers,
    },
    Page { title: "Processes", subjects: &[Subject::Processes], main: Subject::Processes },
    Page { title: "Events", subjects: &[Subject::Events], main: Subject::Events },
    Page { title: "Rules", subjects: &[Subject::Rules], main: Subject::Rules },
    Page { title: "Losses", subjects: &[Subject::Drops, Subject::Outputs], main: Subject::Drops },
];

/// What a key asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reaction {
    /// To go on.
    Stay,
    /// To end.
    Quit,
}

/// The state of the terminal.
#[derive(Debug)]
pub struct Screen {
    view: Option<View>,
    /// Why there is nothing newer.
    trouble: Option<String>,
    page: usize,
    /// Per subject: column, and whether the largest comes first.
    sorts: [Option<(usize, bool)>; Subject::ALL.len()],
    /// Rows of the main table that are above its first line.
    scroll: usize,
    is_paused: bool,
}

impl Default for Screen {
    fn default() -> Self {
        Self {
            view: None,
            trouble: None,
            page: 0,
            sorts: Subject::ALL.map(Subject::sort),
            scroll: 0,
            is_paused: false,
        }
    }
}

impl Screen {
    /// Takes a newer view, unless it is paused.
    pub fn show(&mut self, view: View) {
        if !self.is_paused {
            self.view = Some(view);
            self.trouble = None;
            self.sort();
        }
    }

    /// Says why there is no newer view; what was seen last stays.
    pub fn fail(&mut self, trouble: String) {
        self.trouble = Some(trouble);
    }

    fn sort(&mut self) {
        for table in self.view.iter_mut().flat_map(|view| &mut view.tables) {
            if let Some((column, is_descending)) = self.sorts[table.subject.index()] {
                table.sort_by(column, is_descending);
            }
        }
    }

    /// Does what a key says.
    pub fn press(&mut self, key: KeyEvent) -> Reaction {
        let is_control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Char('c') if is_control => return Reaction::Quit,
            KeyCode::Char('q') | KeyCode::Esc => return Reaction::Quit,
            KeyCode::Tab | KeyCode::Right => self.turn_to((self.page + 1) % PAGES.len()),
            KeyCode::BackTab | KeyCode::Left => {
                self.turn_to((self.page + PAGES.len() - 1) % PAGES.len());
            }
            KeyCode::Char(digit @ '1'..='6') => self.turn_to(digit as usize - '1' as usize),
            KeyCode::Char('s') => self.sort_by_next(1),
            KeyCode::Char('S') => self.sort_by_next(-1),
            KeyCode::Char('r') => {
                if let Some(sort) = &mut self.sorts[PAGES[self.page].main.index()] {
                    sort.1 = !sort.1;
                }
            }
            KeyCode::Char('p' | ' ') => self.is_paused = !self.is_paused,
            KeyCode::Down => self.scroll += 1,
            KeyCode::Up => self.scroll = self.scroll.saturating_sub(1),
            KeyCode::PageDown => self.scroll += 20,
            KeyCode::PageUp => self.scroll = self.scroll.saturating_sub(20),
            KeyCode::Home => self.scroll = 0,
            _ => {}
        }
        self.sort();
        Reaction::Stay
    }

    fn turn_to(&mut self, page: usize) {
        (self.page, self.scroll) = (page, 0);
    }

    fn sort_by_next(&mut self, step: isize) {
        let main = PAGES[self.page].main;
        let columns = main.columns().len() as isize;
        let sort = &mut self.sorts[main.index()];
        let column = match *sort {
            Some((column, _)) => (column as isize + step).rem_euclid(columns),
            None if step > 0 => 0,
            None => columns - 1,
        };
        // Numbers from the largest on, names from the first on.
        let is_number = |table: &Table| {
            !table.rows.iter().any(|row| row.get(column as usize).is_some_and(Cell::is_text))
        };
        let table = self.view.as_ref().and_then(|view| view.tables.get(main.index()));
        *sort = Some((column as usize, table.is_none_or(is_number)));
    }

    /// Draws everything.
    pub fn draw(&mut self, frame: &mut Frame<'_>) {
        let [head, pages, body, foot] = Layout::vertical([
            Constraint::Length(3),
            Constraint::Length(1),
            Constraint::Fill(1),
            Constraint::Length(1),
        ])
        .areas(frame.area());
        self.draw_head(frame, head);
        self.draw_pages(frame, pages);
        self.draw_body(frame, body);
        frame.render_widget(Paragraph::new(KEYS).style(Style::new().dim()), foot);
    }

    fn draw_head(&self, frame: &mut Frame<'_>, area: Rect) {
        let bold = Style::new().add_modifier(Modifier::BOLD);
        let bad = Style::new().fg(Color::Red).add_modifier(Modifier::BOLD);
        let mut lines = Vec::new();
        if let Some(view) = &self.view {
            lines.push(Line::styled(view.identity.as_str(), bold));
            lines.push(Line::raw(view.summary.as_str()));
        } else {
            lines.push(Line::styled("peregrine top", bold));
            lines.push(Line::raw("waiting for the first numbers"));
        }
        let problems = self.view.as_ref().map_or("", |view| view.problems.as_str());
        lines.push(match &self.trouble {
            Some(trouble) => Line::styled(trouble.as_str(), bad),
            None if !problems.is_empty() => Line::styled(problems, bad),
            None if self.view.is_none() => Line::default(),
            None => Line::styled("healthy", Style::new().fg(Color::Green)),
        });
        frame.render_widget(Paragraph::new(lines), area);
    }

    fn draw_pages(&self, frame: &mut Frame<'_>, area: Rect) {
        let mut spans = Vec::new();
        for (index, page) in PAGES.iter().enumerate() {
            let style = match index == self.page {
                true => Style::new().add_modifier(Modifier::REVERSED),
                false => Style::new(),
            };
            spans.push(Span::styled(format!(" {} {} ", index + 1, page.title), style));
        }
        if self.is_paused {
            spans.push(Span::styled("  paused", Style::new().fg(Color::Yellow)));
        }
        frame.render_widget(Line::from(spans), area);
    }

    fn draw_body(&mut self, frame: &mut Frame<'_>, area: Rect) {
        let Some(view) = &self.view else { return };
        let page = &PAGES[self.page];
        let table = |subject: Subject| view.tables.get(subject.index());
        let rows = |subject: Subject| table(subject).map_or(0, |table| table.rows.len());
        // Of a table that is short, all rows, its heading and its title.
        let whole = |subject: Subject, most: u16| {
            Constraint::Length((rows(subject) as u16).saturating_add(2).min(most))
        };
        let main = rows(page.main);
        self.scroll = self.scroll.min(main.saturating_sub(1));
        let scroll = |subject: Subject| if subject == page.main { self.scroll } else { 0 };
        let mut places: Vec<(Subject, Rect)> = Vec::new();
        match page.subjects {
            [workers, drops, processes, events, rules] => {
                let quarter = area.height / 4;
                let [first, second, third, fourth] = Layout::vertical([
                    whole(*workers, quarter.max(3)),
                    whole(*drops, 5),
                    Constraint::Fill(1),
                    Constraint::Fill(1),
                ])
                .areas(area);
                let [left, right] = Layout::horizontal([Constraint::Fill(3), Constraint::Fill(2)])
                    .spacing(2)
                    .areas(third);
                places.extend([(*workers, first), (*drops, second), (*processes, left)]);
                places.extend([(*events, right), (*rules, fourth)]);
            }
            [above, below] => {
                let [first, second] =
                    Layout::vertical([whole(*above, area.height / 2), Constraint::Fill(1)])
                        .areas(area);
                places.extend([(*above, first), (*below, second)]);
            }
            subjects => places.extend(subjects.first().map(|subject| (*subject, area))),
        }
        for (subject, place) in places {
            if let Some(table) = table(subject) {
                let sort = self.sorts[subject.index()];
                draw_table(frame, place, table, sort, scroll(subject));
            }
        }
    }
}

fn draw_table(
    frame: &mut Frame<'_>,
    area: Rect,
    table: &Table,
    sort: Option<(usize, bool)>,
    scroll: usize,
) {
    let subject = table.subject;
    let headings: Vec<String> = subject
        .columns()
        .iter()
        .enumerate()
        .map(|(column, name)| match sort {
            Some((sorted, true)) if sorted == column => format!("{name} ▼"),
            Some((sorted, false)) if sorted == column => format!("{name} ▲"),
            _ => (*name).to_owned(),
        })
        .collect();
    let room = usize::from(area.height.saturating_sub(2));
    let shown: Vec<&Vec<Cell>> = table.rows.iter().skip(scroll).take(room).collect();
    let texts: Vec<Vec<String>> =
        shown.iter().map(|row| row.iter().map(on_screen).collect()).collect();
    let is_text = |column: usize| shown.iter().any(|r| r.get(column).is_some_and(Cell::is_text));
    let width = |column: usize| {
        let cells = texts.iter().filter_map(|row| row.get(column)).map(|t| t.chars().count());
        cells.chain([headings[column].chars().count()]).max().unwrap_or(0) as u16
    };
    let wide = wide_column(subject);
    let constraint = |column: usize| match wide == Some(column) {
        true => Constraint::Fill(1),
        false => Constraint::Length(width(column)),
    };
    let widths: Vec<Constraint> = (0..headings.len()).map(constraint).collect();
    let aligned = |column: usize, text: String, style: Style| {
        let line = Line::styled(text, style);
        TableCell::from(if is_text(column) { line } else { line.right_aligned() })
    };
    let rows = shown.iter().zip(texts).map(|(row, texts)| {
        let cells = row.iter().zip(texts).enumerate();
        Row::new(cells.map(|(column, (cell, text))| aligned(column, text, style(cell))))
    });
    let heading_style = Style::new().add_modifier(Modifier::BOLD);
    let header = Row::new(
        headings.iter().enumerate().map(|(c, name)| aligned(c, name.clone(), heading_style)),
    );
    let hidden = table.rows.len() - shown.len();
    let mut title = subject.title().to_owned();
    if let Some(note) = &table.note {
        title += &format!(": {note}");
    }
    if hidden > 0 {
        title += &format!(" ({} of {})", shown.len(), table.rows.len());
    }
    let block = Block::new().borders(Borders::TOP).title(format!(" {title} "));
    let widget = TableWidget::new(rows, widths).header(header);
    frame.render_widget(widget.column_spacing(2).block(block), area);
}

/// The column that takes the room that is left.
fn wide_column(subject: Subject) -> Option<usize> {
    match subject {
        Subject::Processes => Some(6),
        Subject::Outputs => Some(7),
        Subject::Rules => Some(0),
        _ => None,
    }
}

fn on_screen(cell: &Cell) -> String {
    match cell {
        Cell::Fill(share) => format!("{} {:>7}", bar(*share), cell.text()),
        other => other.text(),
    }
}

/// A bar with a precision of an eighth of a character.
fn bar(share: f64) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = (share.clamp(0.0, 1.0) * (BAR * 8) as f64).round() as usize;
    let text = "█".repeat(eighths / 8) + EIGHTHS[eighths % 8];
    format!("{text:<BAR$}")
}

fn style(cell: &Cell) -> Style {
    match cell {
        Cell::Fill(share) if *share >= 0.8 => Style::new().fg(Color::Red),
        Cell::Fill(share) if *share >= 0.5 => Style::new().fg(Color::Yellow),
        Cell::Fill(_) => Style::new().fg(Color::Green),
        Cell::None => Style::new().dim(),
        _ => Style::new(),
    }
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::*;
    use crate::top::sample;

    fn drawn(screen: &mut Screen, width: u16, height: u16) -> TestBackend {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| screen.draw(frame)).unwrap();
        terminal.backend().clone()
    }

    fn press(screen: &mut Screen, keys: &str) -> Reaction {
        keys.chars().map(|c| screen.press(KeyCode::Char(c).into())).last().unwrap()
    }

    fn first_cells(screen: &Screen, subject: Subject) -> Vec<String> {
        let table = &screen.view.as_ref().unwrap().tables[subject.index()];
        table.rows.iter().map(|row| row[0].text()).collect()
    }

    fn screen() -> Screen {
        let mut screen = Screen::default();
        screen.show(sample::view());
        screen
    }

    #[test]
    fn the_overview_shows_everything_at_once() {
        insta::assert_snapshot!(drawn(&mut screen(), 132, 36));
    }

    #[test]
    fn a_page_for_workers_and_one_for_losses() {
        let mut screen = screen();
        press(&mut screen, "2");
        insta::assert_snapshot!("workers", drawn(&mut screen, 150, 16));
        press(&mut screen, "6");
        insta::assert_snapshot!("losses", drawn(&mut screen, 100, 16));
    }

    #[test]
    fn keys_sort_reverse_turn_pages_and_quit() {
        let mut screen = screen();
        assert_eq!(first_cells(&screen, Subject::Processes), ["4711", "1", "900"]);
        // The next column is the share, the one before the first is the last.
        press(&mut screen, "r");
        assert_eq!(first_cells(&screen, Subject::Processes), ["900", "1", "4711"]);
        press(&mut screen, "S");
        assert_eq!(screen.sorts[Subject::Processes.index()], Some((0, true)));
        assert_eq!(first_cells(&screen, Subject::Processes), ["4711", "900", "1"]);
        press(&mut screen, "SS");
        let by_name = Some((5, false));
        assert_eq!(screen.sorts[Subject::Processes.index()], by_name, "names from the first on");
        press(&mut screen, "5");
        assert_eq!(first_cells(&screen, Subject::Rules), ["Read of a secret", "Shell \\u{1b}[31m"]);
        press(&mut screen, "r");
        assert_eq!(first_cells(&screen, Subject::Rules), ["Shell \\u{1b}[31m", "Read of a secret"]);
        screen.press(KeyCode::Tab.into());
        screen.press(KeyCode::Tab.into());
        assert_eq!(screen.page, 0, "the last page is followed by the first");
        assert_eq!(press(&mut screen, "x"), Reaction::Stay);
        assert_eq!(press(&mut screen, "q"), Reaction::Quit);
        let interrupt = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        assert_eq!(screen.press(interrupt), Reaction::Quit);
    }

    #[test]
    fn a_pause_keeps_what_is_seen() {
        let mut screen = screen();
        press(&mut screen, "p");
        screen.show(View { summary: "newer".into(), ..sample::view() });
        let seen = drawn(&mut screen, 132, 36).to_string();
        assert!(seen.contains("paused") && !seen.contains("newer"), "{seen}");
        press(&mut screen, "p");
        screen.show(View { summary: "newer".into(), ..sample::view() });
        let seen = drawn(&mut screen, 132, 36).to_string();
        assert!(!seen.contains("paused") && seen.contains("newer"), "{seen}");
    }

    #[test]
    fn an_instance_that_is_gone_is_told_and_the_last_numbers_stay() {
        let mut screen = screen();
        screen.fail("no running instance listens on /run/x".into());
        let seen = drawn(&mut screen, 132, 36).to_string();
        assert!(seen.contains("no running instance") && seen.contains("events 1000/s"), "{seen}");
    }

    #[test]
    fn any_size_and_any_scroll_is_drawn() {
        for (width, height) in [(1, 1), (10, 3), (20, 8), (80, 24), (300, 100)] {
            let mut screen = screen();
            for page in "123456".chars() {
                press(&mut screen, &page.to_string());
                screen.press(KeyCode::PageDown.into());
                drawn(&mut screen, width, height);
            }
        }
        drawn(&mut Screen::default(), 80, 24);
    }
}
