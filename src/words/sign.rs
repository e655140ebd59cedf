/// Something that can be seen of a request without reading it.
///
/// ```
/// use agent_orchestrator::Sign;
///
/// assert_eq!(Sign::named("documents"), Some(Sign::Documents));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sign {
    /// A block of code between fences, or code between back quotes.
    CodeFence,
    /// Marks that stand together in programs and hardly elsewhere.
    CodeMarks,
    /// What compilers and run times say when something went wrong.
    ErrorMessage,
    /// It begins with the name of a command.
    Command,
    /// Options, pipes and redirections as shells know them.
    ShellMarks,
    /// A path in a file system.
    Path,
    /// An address on the web.
    Url,
    /// The name of a file with a program in it.
    ProgramFile,
    /// The name of a file that people write for people.
    DocumentFile,
    /// A number with a unit, a currency or a per cent sign.
    Quantity,
    /// Numbers with an operator between them.
    Arithmetic,
    /// It is a question, by its mark or by its first word.
    Question,
    /// It exclaims.
    Exclamation,
    /// It has at most two words.
    Brief,
    /// It has more than thirty words.
    Lengthy,
    /// Letters that English does not have.
    Foreign,
    /// Documents came with it.
    Documents,
}

impl Sign {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 17] = [
        Self::CodeFence,
        Self::CodeMarks,
        Self::ErrorMessage,
        Self::Command,
        Self::ShellMarks,
        Self::Path,
        Self::Url,
        Self::ProgramFile,
        Self::DocumentFile,
        Self::Quantity,
        Self::Arithmetic,
        Self::Question,
        Self::Exclamation,
        Self::Brief,
        Self::Lengthy,
        Self::Foreign,
        Self::Documents,
    ];

    /// As a reason is told to a person.
    #[must_use]
    pub fn told(self) -> &'static str {
        match self {
            Self::CodeFence => "a block of code",
            Self::CodeMarks => "program text",
            Self::ErrorMessage => "an error message",
            Self::Command => "a command",
            Self::ShellMarks => "shell syntax",
            Self::Path => "a path",
            Self::Url => "a web address",
            Self::ProgramFile => "a program file",
            Self::DocumentFile => "a document's name",
            Self::Quantity => "a quantity",
            Self::Arithmetic => "arithmetic",
            Self::Question => "a question",
            Self::Exclamation => "an exclamation",
            Self::Brief => "few words",
            Self::Lengthy => "many words",
            Self::Foreign => "other letters than English",
            Self::Documents => "documents in the context",
        }
    }

    /// Its name in the configuration.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::CodeFence => "code_fence",
            Self::CodeMarks => "code_marks",
            Self::ErrorMessage => "error_message",
            Self::Command => "command",
            Self::ShellMarks => "shell_marks",
            Self::Path => "path",
            Self::Url => "url",
            Self::ProgramFile => "program_file",
            Self::DocumentFile => "document_file",
            Self::Quantity => "quantity",
            Self::Arithmetic => "arithmetic",
            Self::Question => "question",
            Self::Exclamation => "exclamation",
            Self::Brief => "brief",
            Self::Lengthy => "lengthy",
            Self::Foreign => "foreign",
            Self::Documents => "documents",
        }
    }

    /// The sign of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|sign| sign.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_signs_are_numbered_in_order_and_found_by_their_names() {
        for (number, sign) in Sign::ALL.into_iter().enumerate() {
            assert_eq!(sign as usize, number);
            assert_eq!(Sign::named(sign.name()), Some(sign));
        }
    }
}
