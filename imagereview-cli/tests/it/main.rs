//! The program as people and other programs run it.

mod cmd;
mod docs;
mod examples;
mod fix;
mod formats;
mod init;
mod integrations;
mod readers;
mod resolve;
mod respond;
mod review;
mod support;
