//! The program as people and other programs run it.

mod baseline;
mod cmd;
mod docs;
mod examples;
mod facts;
mod findings;
mod fix;
mod formats;
mod import;
mod init;
mod integrations;
mod policy_test;
mod readers;
mod resolve;
mod respond;
mod review;
mod support;
mod unreviewed;
mod verify;
