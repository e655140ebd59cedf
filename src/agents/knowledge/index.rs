//! Keeps the passages where they can be searched: a full-text index in memory.
//!
//! Changes are gathered in an [`Edit`] and become visible all at once when it is published; an
//! edit that is dropped instead has changed nothing.

use std::fmt;

use tantivy::collector::TopDocs;
use tantivy::merge_policy::LogMergePolicy;
use tantivy::query::Query;
use tantivy::schema::{
    Field, IndexRecordOption, STORED, STRING, Schema, TextFieldIndexing, TextOptions, Value,
};
use tantivy::tokenizer::TextAnalyzer;
use tantivy::{
    Index, IndexReader, IndexWriter, ReloadPolicy, Searcher, TantivyDocument, Term, doc,
};

use super::passage::Passage;
use super::question::Question;

/// What an edit may gather before it is written down, in bytes; the least that tantivy accepts.
const EDIT_MEMORY: usize = 15_000_000;

/// The share of deleted passages above which the rest is gathered anew, because what was deleted
/// still counts in how rare a word is.
const DELETED_SHARE: f32 = 0.2;

/// The name under which the index knows how to read words.
const ANALYZER: &str = "english";

/// The fields of an indexed passage.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields {
    path: Field,
    pub(super) heading: Field,
    pub(super) text: Field,
    line: Field,
}

/// A passage that was found, where, and how well it fits; a higher score is better.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Hit {
    pub(super) path: String,
    pub(super) passage: Passage,
    pub(super) score: f32,
}

/// All passages of all documents.
pub(super) struct PassageIndex {
    index: Index,
    reader: IndexReader,
    fields: Fields,
}

impl PassageIndex {
    /// An empty index that reads words with `analyzer`.
    pub(super) fn new(analyzer: TextAnalyzer) -> Self {
        let (schema, fields) = schema();
        let index = Index::create_in_ram(schema);
        index.tokenizers().register(ANALYZER, analyzer);
        let reader = index
            .reader_builder()
            .reload_policy(ReloadPolicy::Manual)
            .try_into()
            .expect("an index in memory that was just made has nothing that could fail to load");
        Self {
            index,
            reader,
            fields,
        }
    }

    /// Begins to change the index.
    pub(super) fn edit(&self) -> Edit<'_> {
        Edit {
            index: self,
            writer: None,
        }
    }

    /// The index as it is now, unmoved by later edits.
    pub(super) fn view(&self) -> View {
        View {
            searcher: self.reader.searcher(),
            fields: self.fields,
        }
    }

    fn writer(&self) -> tantivy::Result<IndexWriter> {
        let writer = self.index.writer_with_num_threads(1, EDIT_MEMORY)?;
        let mut merging = LogMergePolicy::default();
        merging.set_del_docs_ratio_before_merge(DELETED_SHARE);
        writer.set_merge_policy(Box::new(merging));
        Ok(writer)
    }
}

impl fmt::Debug for PassageIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PassageIndex").finish_non_exhaustive()
    }
}

/// Changes to the index that nobody sees yet.
pub(super) struct Edit<'a> {
    index: &'a PassageIndex,
    writer: Option<IndexWriter>,
}

impl Edit<'_> {
    /// Adds the passages of a document.
    pub(super) fn add(&mut self, path: &str, passages: Vec<Passage>) -> tantivy::Result<()> {
        let fields = self.index.fields;
        let writer = self.writer()?;
        for passage in passages {
            writer.add_document(doc!(
                fields.path => path,
                fields.heading => passage.heading,
                fields.text => passage.text,
                fields.line => passage.line,
            ))?;
        }
        Ok(())
    }

    /// Takes away the passages of a document, if there are any.
    pub(super) fn remove(&mut self, path: &str) -> tantivy::Result<()> {
        let term = Term::from_field_text(self.index.fields.path, path);
        self.writer()?.delete_term(term);
        Ok(())
    }

    /// Lets everybody see the changes.
    pub(super) fn publish(self) -> tantivy::Result<()> {
        let Some(mut writer) = self.writer else {
            return Ok(());
        };
        writer.commit()?;
        writer.wait_merging_threads()?;
        self.index.reader.reload()
    }

    fn writer(&mut self) -> tantivy::Result<&mut IndexWriter> {
        let writer = match self.writer.take() {
            Some(writer) => writer,
            None => self.index.writer()?,
        };
        Ok(self.writer.insert(writer))
    }
}

/// The index as it was at one moment; cheap to make, and searched without waiting for anybody.
pub(super) struct View {
    searcher: Searcher,
    fields: Fields,
}

impl View {
    /// The passages that answer the question best, best first; none where it has no words.
    pub(super) fn search(&self, question: &Question, limit: usize) -> tantivy::Result<Vec<Hit>> {
        let Some(query) = question.query(self.fields) else {
            return Ok(Vec::new());
        };
        self.best(query.as_ref(), limit)
    }

    fn best(&self, query: &dyn Query, limit: usize) -> tantivy::Result<Vec<Hit>> {
        let found = self
            .searcher
            .search(query, &TopDocs::with_limit(limit.max(1)).order_by_score())?;
        found
            .into_iter()
            .map(|(score, address)| Ok(self.hit(score, &self.searcher.doc(address)?)))
            .collect()
    }

    fn hit(&self, score: f32, document: &TantivyDocument) -> Hit {
        let text = |field| {
            let value = document.get_first(field);
            value
                .and_then(|v| v.as_str())
                .unwrap_or_default()
                .to_owned()
        };
        let line = document.get_first(self.fields.line);
        Hit {
            path: text(self.fields.path),
            passage: Passage {
                heading: text(self.fields.heading),
                text: text(self.fields.text),
                line: line.and_then(|v| v.as_u64()).unwrap_or_default(),
            },
            score,
        }
    }
}

fn schema() -> (Schema, Fields) {
    let indexing = TextFieldIndexing::default()
        .set_tokenizer(ANALYZER)
        .set_index_option(IndexRecordOption::WithFreqsAndPositions);
    let words = TextOptions::default()
        .set_indexing_options(indexing)
        .set_stored();
    let mut schema = Schema::builder();
    let fields = Fields {
        path: schema.add_text_field("path", STRING | STORED),
        heading: schema.add_text_field("heading", words.clone()),
        text: schema.add_text_field("text", words),
        line: schema.add_u64_field("line", STORED),
    };
    (schema.build(), fields)
}

#[cfg(test)]
mod tests {
    use super::super::question::analyzer;
    use super::*;

    fn passage(text: &str) -> Passage {
        Passage {
            heading: "Birds".to_owned(),
            text: text.to_owned(),
            line: 7,
        }
    }

    fn texts(index: &PassageIndex, question: &str) -> Vec<String> {
        let hits = index.view().search(&Question::new(question), 9).unwrap();
        hits.into_iter().map(|hit| hit.passage.text).collect()
    }

    fn index_with(path: &str, texts: &[&str]) -> PassageIndex {
        let index = PassageIndex::new(analyzer());
        let mut edit = index.edit();
        let passages = texts.iter().map(|text| passage(text)).collect();
        edit.add(path, passages).unwrap();
        edit.publish().unwrap();
        index
    }

    #[test]
    fn a_passage_is_found_with_all_that_is_known_of_it() {
        let index = index_with("a.md", &["the heron waits"]);
        let hits = index.view().search(&Question::new("heron"), 3).unwrap();
        assert_eq!(hits.len(), 1);
        assert_eq!(hits[0].path, "a.md");
        assert_eq!(hits[0].passage, passage("the heron waits"));
        assert!(hits[0].score > 0.0);
    }

    #[test]
    fn an_edit_shows_when_it_is_published_and_not_before() {
        let index = index_with("a.md", &["heron"]);
        let mut edit = index.edit();
        edit.remove("a.md").unwrap();
        edit.add("a.md", vec![passage("crane")]).unwrap();
        assert_eq!(texts(&index, "heron crane"), ["heron"]);
        edit.publish().unwrap();
        assert_eq!(texts(&index, "heron crane"), ["crane"]);
    }

    #[test]
    fn a_dropped_edit_has_changed_nothing() {
        let index = index_with("a.md", &["heron"]);
        let mut edit = index.edit();
        edit.remove("a.md").unwrap();
        edit.add("b.md", vec![passage("crane")]).unwrap();
        drop(edit);
        index.edit().publish().unwrap();
        assert_eq!(texts(&index, "heron crane"), ["heron"]);
        let mut edit = index.edit();
        edit.add("c.md", vec![passage("crow")]).unwrap();
        edit.publish().unwrap();
        assert_eq!(texts(&index, "heron crane"), ["heron"]);
    }

    #[test]
    fn a_view_is_unmoved_by_later_edits() {
        let index = index_with("a.md", &["heron"]);
        let view = index.view();
        let mut edit = index.edit();
        edit.remove("a.md").unwrap();
        edit.publish().unwrap();
        assert_eq!(view.search(&Question::new("heron"), 3).unwrap().len(), 1);
        assert_eq!(texts(&index, "heron"), [""; 0]);
    }

    #[test]
    fn no_more_hits_than_asked_for_and_at_least_one() {
        let index = index_with("a.md", &["heron", "heron", "heron"]);
        let count = |limit| {
            let hits = index.view().search(&Question::new("heron"), limit);
            hits.unwrap().len()
        };
        assert_eq!([count(2), count(0)], [2, 1]);
    }
}
