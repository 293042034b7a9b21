//! Reading the lists under `data/invent`: sections of weighted names.

use std::collections::HashMap;

use super::dice::Dice;

/// Texts with weights; common ones are drawn often, rare ones seldom.
#[derive(Debug, Default)]
pub(super) struct Weighted {
    items: Vec<&'static str>,
    /// Sum of the weights up to and including the item of the same index.
    cumulative: Vec<u32>,
}

impl Weighted {
    /// Adds a text that weighs `weight`.
    pub(super) fn add(&mut self, weight: u32, item: &'static str) {
        self.items.push(item);
        let total = self.cumulative.last().copied().unwrap_or(0) + weight;
        self.cumulative.push(total);
    }

    /// One of the texts; empty when the list is.
    pub(super) fn draw(&self, dice: &mut Dice) -> &'static str {
        let total = self.cumulative.last().copied().unwrap_or(0);
        let throw = dice.below(total as usize) as u32;
        let index = self.cumulative.partition_point(|&sum| sum <= throw);
        self.items.get(index).copied().unwrap_or("")
    }

    /// All texts in the order of the file.
    #[cfg(test)]
    pub(super) fn items(&self) -> &[&'static str] {
        &self.items
    }

    /// Whether there is nothing to draw.
    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }
}

/// The lines of a list file that say something, by section, comments left out.
pub(super) fn sections(text: &'static str) -> Vec<(&'static str, Vec<&'static str>)> {
    let mut found: Vec<(&'static str, Vec<&'static str>)> = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            found.push((name, Vec::new()));
        } else if let Some((_, lines)) = found.last_mut() {
            lines.push(line);
        }
    }
    found
}

/// A file of weighted sections: each line a weight and then texts separated by commas.
#[derive(Debug, Default)]
pub(super) struct Lists(HashMap<&'static str, Weighted>);

impl Lists {
    /// Reads a file of weighted sections. A line without a weight weighs nothing and is left out.
    pub(super) fn read(text: &'static str) -> Self {
        let mut lists: HashMap<&'static str, Weighted> = HashMap::new();
        for (section, lines) in sections(text) {
            let list = lists.entry(section).or_default();
            for line in lines {
                let Some((weight, rest)) = line.split_once(' ') else {
                    continue;
                };
                let Ok(weight) = weight.parse() else { continue };
                for item in rest.split(',').map(str::trim).filter(|item| !item.is_empty()) {
                    list.add(weight, item);
                }
            }
        }
        Self(lists)
    }

    /// One text of a section; empty when there is no such section.
    pub(super) fn draw(&self, section: &str, dice: &mut Dice) -> &'static str {
        self.0.get(section).map_or("", |list| list.draw(dice))
    }

    /// Whether the file has that section and something in it.
    pub(super) fn has(&self, section: &str) -> bool {
        self.0.get(section).is_some_and(|list| !list.is_empty())
    }

    /// All texts of a section.
    #[cfg(test)]
    pub(super) fn items(&self, section: &str) -> &[&'static str] {
        self.0.get(section).map_or(&[], Weighted::items)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# a comment\n[girls]\n9 Siân, Mali\n1 Nest\nno weight here\n[boys]\n2 Llŷr\n";

    #[test]
    fn a_list_is_read_by_section_and_weight() {
        let lists = Lists::read(TEXT);
        assert_eq!(lists.items("girls"), ["Siân", "Mali", "Nest"]);
        assert_eq!(lists.items("boys"), ["Llŷr"]);
        assert!(lists.has("boys"));
        assert!(!lists.has("families"));
        let mut dice = Dice::new(1, "test");
        assert_eq!(lists.draw("families", &mut dice), "");
        let rare = (0..1900).filter(|_| lists.draw("girls", &mut dice) == "Nest").count();
        assert!((50..160).contains(&rare), "drawn {rare} times instead of about 100");
    }
}
