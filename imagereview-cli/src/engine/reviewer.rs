//! Reviews inputs on all processors, and shows what came of them in their order.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    io,
    sync::{Mutex, PoisonError, mpsc},
    thread,
    time::SystemTime,
};

use imagereview_core::{
    StringMap,
    facts::{Facts, Needs},
};

use rayon::{
    ThreadPoolBuilder,
    iter::{IntoParallelIterator, ParallelIterator},
};

use super::{
    context::Context,
    part_review::PartReview,
    reviewed::ReviewedFile,
    work::{PART_LEN, Work, WorkList},
};
use crate::{
    fix::Fixer,
    input::{Input, Part, Parts, Source, Syntax, TextError, agreement::may_matter},
    policy_file::LoadedPolicy,
};

/// How much stack a thread has, in bytes. The reader of YAML calls itself for each level and stops
/// at 256 levels, each of which takes up to 25 kB where the program is not optimized.
const STACK_LEN: usize = 16 << 20;

/// Reads inputs and reviews everything in them by one policy.
pub(crate) struct Reviewer<'p> {
    context: Context<'p>,
    /// What changes texts before they are reviewed.
    fixer: Option<Fixer<'p>>,
}

impl<'p> Reviewer<'p> {
    pub(crate) fn new(policy: &'p LoadedPolicy, variables: BTreeMap<String, String>) -> Self {
        Self {
            context: Context {
                policy,
                variables,
                namespace: None,
                namespace_labels: None,
                now: SystemTime::now(),
                facts: None,
                needs: None,
                locates_all: false,
            },
            fixer: None,
        }
    }

    /// Takes this for the namespace of objects that name none, and these for its labels.
    pub(crate) fn in_namespace(
        mut self,
        namespace: Option<&str>,
        labels: Option<&StringMap<'static>>,
    ) -> Self {
        self.context.namespace = namespace.map(str::to_owned);
        self.context.namespace_labels = labels.cloned();
        self
    }

    /// Reviews what the fixer makes of each text, and not what it was.
    pub(crate) fn with_fixer(mut self, fixer: Option<Fixer<'p>>) -> Self {
        self.fixer = fixer;
        self
    }

    /// Decides with what is known of images.
    pub(crate) fn with_facts(mut self, facts: &'p Facts) -> Self {
        self.context.facts = Some(facts);
        self.fixer = self.fixer.map(|fixer| fixer.with_facts(facts));
        self
    }

    /// What is needed to know of the images of inputs, beside what is known.
    pub(crate) fn needs(mut self, inputs: &[Input]) -> Needs {
        self.context.needs = Some(Mutex::default());
        let Ok(()) = self.review_all(inputs, |_| Ok::<_, Infallible>(()));
        let needs = self.context.needs.unwrap_or_default();
        needs.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// Finds the position of images that break no rule too; it takes about as long as reading them.
    pub(crate) fn locating_all(mut self, locates_all: bool) -> Self {
        self.context.locates_all = locates_all;
        self
    }

    /// Reviews inputs, and shows what came of each in their order. What came of a long one is shown
    /// in several parts.
    ///
    /// While one batch is shown the next is reviewed, on all processors.
    pub(crate) fn review_all<E>(
        &self,
        inputs: &[Input],
        visit: impl FnMut(ReviewedFile) -> Result<(), E>,
    ) -> Result<(), E> {
        // Only the first reviewer of a process makes them.
        let _ = ThreadPoolBuilder::new()
            .stack_size(STACK_LEN)
            .build_global();
        thread::scope(|scope| {
            let (reviewed, to_show) = mpsc::sync_channel(1);
            scope.spawn(move || {
                let mut work = WorkList::new(inputs, self.part_len());
                loop {
                    let batch = work.batch();
                    let is_done = batch.is_empty();
                    // In the threads that have the stack, even if it is a single one.
                    let files: Vec<Vec<ReviewedFile>> = rayon::scope(|_| {
                        let batch = batch.into_par_iter();
                        batch.map(|work| self.review(work)).collect()
                    });
                    // Whoever looks at them may have gone away.
                    if is_done || reviewed.send(files).is_err() {
                        return;
                    }
                }
            });
            to_show.into_iter().flatten().flatten().try_for_each(visit)
        })
    }

    /// What is fixed is written whole, so it is read whole.
    fn part_len(&self) -> usize {
        match self.fixer {
            Some(_) => usize::MAX,
            None => PART_LEN,
        }
    }

    fn review(&self, work: Work<'_>) -> Vec<ReviewedFile> {
        match work {
            Work::Part(input, part) => vec![self.review_part(input, part)],
            Work::Short(input) => Parts::of(&input.source, self.part_len())
                .map(|part| self.review_part(input, part))
                .collect(),
        }
    }

    /// Reviews everything in a part of an input.
    fn review_part(&self, input: &Input, part: io::Result<Part>) -> ReviewedFile {
        let name = input.source.to_string();
        let part = match part {
            Ok(part) => part,
            Err(error) => return ReviewedFile::unreadable(name, error.to_string()),
        };
        let (syntax, start, json_before) = (part.syntax, part.start, part.json_before);
        let is_all = part.is_first() && part.is_last;
        let is_utf16 = part.is_first() && part.is_utf16();
        // Other programs' files may be in any encoding.
        if is_utf16 && is_all && !input.is_named && !may_matter(&part.utf16_text()) {
            return ReviewedFile::skipped(name);
        }
        let text = match part.text() {
            Ok(text) => text,
            // Kubernetes' own reader takes it.
            Err(_) if is_utf16 => {
                let message = "the file is UTF-16, which is not supported; save it as UTF-8";
                return ReviewedFile::unreadable(name, message.to_owned());
            }
            // What else a folder holds may be anything; kubectl and builders read these.
            Err(_)
                if !input.is_named
                    && !input.source.is_kubectls()
                    && syntax != Syntax::Dockerfile =>
            {
                return ReviewedFile::skipped(name);
            }
            Err(at) => {
                return ReviewedFile::unreadable(name, TextError::NotUtf8 { at }.to_string());
            }
        };
        if is_all && text.trim().is_empty() && input.is_named {
            let message = "the input is empty, so nothing was reviewed".to_owned();
            return ReviewedFile::unreadable(name, message);
        }
        if let (Some(needs), Some(fixer)) = (&self.context.needs, self.fixer) {
            let found = fixer.needs(&text, syntax, &self.context.variables);
            let mut needs = needs.lock().unwrap_or_else(PoisonError::into_inner);
            needs.extend(found);
        }
        // What is built is in no file.
        let fixer = self
            .fixer
            .filter(|_| !matches!(input.source, Source::Built(..)));
        let fix =
            fixer.map(|fixer| fixer.fix(&input.source, &text, syntax, &self.context.variables));
        let text = match &fix {
            Some(fix) if self.fixer.is_some_and(|fixer| !fixer.is_dry()) => fix.after.clone(),
            _ => text,
        };
        let reviewed = ReviewedFile {
            name,
            start,
            fix,
            ..ReviewedFile::default()
        };
        let review = PartReview::new(&self.context, &text, input, reviewed);
        let mut file = review.run(syntax, json_before);
        if file.has_violations() {
            file.text = text;
        }
        file
    }
}
