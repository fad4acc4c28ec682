//! What an attacker may try at a registry's side, or through the name of an image or a pull secret, and the test that holds
//! what happens. A row is the attack, and `file::test` in this folder or below `src`.

use std::{fs, path::Path};

const ATTACKS: &[(&str, &[&str])] = &[
    (
        "a manifest, a configuration or an error of 400 MB, with a length or without",
        &[
            "hostile::a_manifest_of_400_mb_is_not_read",
            "hostile::a_configuration_of_400_mb_is_not_read",
            "hostile::an_error_of_400_mb_is_not_read",
        ],
    ),
    (
        "a body that drips, and a server that says nothing",
        &[
            "deadlines::a_body_that_drips_is_given_up",
            "deadlines::a_registry_that_says_nothing_is_given_up",
        ],
    ),
    (
        "a body that is small until it is unpacked",
        &["hostile::a_zip_bomb_is_not_unpacked"],
    ),
    (
        "content with another digest, size or type than was asked for",
        &[
            "hostile::content_with_another_digest_is_refused",
            "hostile::a_configuration_with_another_digest_is_refused",
            "hostile::a_header_that_claims_another_digest_is_refused",
            "hostile::an_index_that_says_another_size_or_type_is_refused",
            "hostile::media_types_that_contradict_each_other_are_refused",
        ],
    ),
    (
        "a tag that moves while it is asked for",
        &["hostile::a_tag_that_is_moved_while_it_is_asked_for_gives_one_answer"],
    ),
    (
        "JSON that two readers read in two ways",
        &["content/strict::two_readings_are_refused"],
    ),
    (
        "indexes without end: nested, wide, or of themselves",
        &[
            "hostile::an_index_that_lists_itself_is_refused",
            "hostile::indexes_that_are_too_deep_or_too_wide_are_refused",
        ],
    ),
    (
        "attestations that pass for platforms",
        &["honest::an_index_of_platforms_without_its_attestations"],
    ),
    (
        "numbers that overflow",
        &["hostile::numbers_that_would_overflow_are_refused"],
    ),
    (
        "layers at another server, and Docker's schema 1",
        &[
            "hostile::foreign_layers_are_a_fact_and_are_not_fetched",
            "hostile::schema_1_is_a_fact_of_which_nothing_else_is_known",
            "content/schema_1::signatures_are_left_out",
        ],
    ),
    (
        "redirects to other servers, to addresses inside, and without end",
        &[
            "redirects::a_manifest_is_not_fetched_from_elsewhere_unless_a_file_says_so",
            "redirects::a_blob_is_not_fetched_from_where_no_name_may_lead",
            "redirects::endless_redirects_end_after_one",
            "redirects::a_blob_that_is_elsewhere_must_be_the_same",
            "redirects::a_blob_is_fetched_from_elsewhere_without_credentials",
        ],
    ),
    (
        "a realm that steals credentials, or leads inside",
        &[
            "tokens::credentials_are_not_sent_to_another_host",
            "tokens::a_realm_at_a_metadata_service_is_not_asked",
            "tokens::a_realm_that_redirects_is_not_followed",
            "tokens::challenges_that_can_not_be_read_are_refused",
            "tokens::a_token_that_can_not_be_used_is_refused",
        ],
    ),
    (
        "the name of an image that leads to this machine, its link or its cloud's metadata",
        &[
            "addresses::a_server_asks_nothing_of_its_own_machine",
            "addresses::no_name_leads_to_a_metadata_service",
            "addresses::a_command_line_may_ask_localhost_and_no_name_that_leads_there",
            "addresses::plain_http_is_for_this_machine_unless_a_file_says_so",
            "honest::a_registry_that_may_not_be_asked_is_not",
        ],
    ),
    (
        "a host that begins like one with credentials",
        &["credentials::credentials_for_a_host_are_not_for_one_that_begins_alike"],
    ),
    (
        "one tenant who reads what another may, through the cache",
        &[
            "cache::what_one_may_read_is_not_handed_to_another",
            "pull_secrets::what_one_tenants_secret_opens_stays_closed_to_another",
        ],
    ),
    (
        "a pull secret that names a program, another namespace or another path of the API server",
        &[
            "pull_secrets/document::both_types_of_secrets_are_read_and_helpers_are_not",
            "pull_secrets::names_are_one_part_of_a_path",
            "pull_secrets::a_pod_names_no_more_than_is_read",
        ],
    ),
    (
        "a pull secret, or the token for the API server, that gets to another server",
        &[
            "pull_secrets::a_secret_is_not_sent_to_a_mirror",
            "pull_secrets::the_token_goes_to_the_clusters_own_api_server_only",
        ],
    ),
    (
        "credentials in logs, errors, traces and facts",
        &[
            "redaction::no_credential_is_in_a_log_an_error_or_a_fact",
            "pull_secrets::a_secret_is_shown_nowhere",
            "pull_secrets/document::what_can_not_be_read_is_said_without_its_secrets",
        ],
    ),
    (
        "a thousand who ask for one thing, or for a thousand things",
        &[
            "cache::a_thousand_who_ask_at_once_cost_one_fetch_of_each_thing",
            "cache::what_is_kept_is_bounded_by_bytes",
            "hostile::a_budget_of_requests_is_kept",
            "hostile::a_registry_that_asks_for_a_pause_gets_it",
        ],
    ),
    (
        "a failure that passes for absence, or for an older answer",
        &[
            "hostile::statuses_that_say_nothing_are_no_absence",
            "cache::an_older_answer_is_taken_only_while_the_registry_is_away_and_a_rule_allows_it",
        ],
    ),
    (
        "something that is no HTTP",
        &["hostile::what_is_no_http_is_refused"],
    ),
];

#[test]
fn each_attack_has_its_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (attack, tests) in ATTACKS {
        assert!(!tests.is_empty(), "{attack}");
        for path in *tests {
            let (file, name) = path.split_once("::").unwrap();
            let files = [
                root.join("tests/it").join(file),
                root.join("src").join(file),
            ];
            let is_there = files.iter().any(|file| {
                let text = fs::read_to_string(file.with_extension("rs")).unwrap_or_default();
                text.contains(&format!("fn {name}()"))
            });
            assert!(is_there, "{attack}: there is no test {path}");
        }
    }
}
