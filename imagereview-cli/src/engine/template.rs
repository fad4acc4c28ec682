//! The template that a rendered document comes from, which Helm names before it.
//!
//! Source: <https://github.com/helm/helm/blob/v3.19.0/pkg/action/action.go> (`# Source: %s`)

use std::path::Path;

/// The template that the comments before a document name. With the folder of the chart, its path
/// begins there, and else with the name of the chart.
pub(super) fn template_of(document: &str, chart: Option<&Path>) -> Option<String> {
    let lines = document.lines().map(str::trim_end);
    let mut comments = lines.take_while(|line| line.is_empty() || line.starts_with('#'));
    let template = comments.find_map(|line| line.strip_prefix("# Source: "))?;
    let (name, below) = template.split_once('/')?;
    let is_plain = |step: &str| !matches!(step, "" | "." | "..");
    if template.contains([':', '\\']) || !template.split('/').all(is_plain) || name.is_empty() {
        return None;
    }
    Some(match chart {
        None => template.to_owned(),
        Some(chart) => chart.join(below).display().to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_path_below_a_chart_is_a_template() {
        for (document, chart, expected) in [
            (
                "\n# Source: web/templates/a.yaml\nkind: Pod\n",
                None,
                Some("web/templates/a.yaml"),
            ),
            (
                "# Source: web/templates/a.yaml\nkind: Pod\n",
                Some("charts/w"),
                Some("charts/w/templates/a.yaml"),
            ),
            (
                "# one\n\n# Source: web/crds/a.yaml\r\nkind: Pod\n",
                None,
                Some("web/crds/a.yaml"),
            ),
            ("kind: Pod\n# Source: web/templates/a.yaml\n", None, None),
            (
                "# Source: https://example.com/a.yaml\nkind: Pod\n",
                None,
                None,
            ),
            ("# Source: ../../etc/a.yaml\nkind: Pod\n", None, None),
            ("# Source: /etc/a.yaml\nkind: Pod\n", None, None),
            ("# Source: a.yaml\nkind: Pod\n", None, None),
            ("kind: Pod\n", None, None),
        ] {
            let found = template_of(document, chart.map(Path::new));
            assert_eq!(found.as_deref(), expected, "{document:?}");
        }
    }
}
