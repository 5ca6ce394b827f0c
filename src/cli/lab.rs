//! `hopscope lab`: one option for every knob, drawn from the lab's own table.

use std::net::SocketAddr;

use clap::{Arg, ArgMatches, Args, Command, Error, FromArgMatches, value_parser};

use crate::lab::{Addresses, KNOBS};

/// What is set otherwise than in the story, and which ports to take.
#[derive(Clone, Debug, Default)]
pub struct LabOptions {
    /// Knob and word, in the order of the table.
    pub knobs: Vec<(String, String)>,
    page_port: u16,
    gateway_port: u16,
    app_port: u16,
}

impl LabOptions {
    /// Where the servers shall listen; port 0 is a free one.
    pub fn addresses(&self) -> Addresses {
        let on = |address: SocketAddr, port| SocketAddr::new(address.ip(), port);
        let free = Addresses::default();
        Addresses {
            page: on(free.page, self.page_port),
            gateway: on(free.gateway, self.gateway_port),
            app: on(free.app, self.app_port),
        }
    }
}

/// Which server, and the option that sets its port.
const PORTS: &[(&str, &str)] = &[
    ("page-port", "Port of the front-end page on 127.0.0.1 [default: a free one]"),
    ("gateway-port", "Port of the gateway on 127.0.0.2 [default: a free one]"),
    ("app-port", "Port of the app on 127.0.0.3 [default: a free one]"),
];

impl Args for LabOptions {
    fn augment_args(command: Command) -> Command {
        let knobs = KNOBS.iter().map(|it| {
            let arg = Arg::new(it.name).long(it.name).help(it.help).value_name("WORD");
            if it.choices.is_empty() { arg } else { arg.value_parser(it.choices.to_vec()) }
        });
        let ports = PORTS.iter().map(|(name, help)| {
            let arg = Arg::new(*name).long(*name).help(*help).value_name("PORT");
            arg.value_parser(value_parser!(u16)).default_value("0").hide_default_value(true)
        });
        command.args(knobs).args(ports).after_long_help(
            "\
Examples:
  hopscope lab
  hopscope lab --endpoint '{proxy}/' --debug off
  hopscope lab --options gateway --app down --gateway-port 8443",
        )
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for LabOptions {
    fn from_arg_matches(matches: &ArgMatches) -> Result<LabOptions, Error> {
        let mut options = LabOptions::default();
        options.update_from_arg_matches(matches)?;
        Ok(options)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        let set = |it: &crate::lab::Knob| {
            let word = matches.get_one::<String>(it.name)?;
            Some((it.name.to_owned(), word.clone()))
        };
        self.knobs = KNOBS.iter().filter_map(set).collect();
        let port = |name: &str| matches.get_one::<u16>(name).copied().unwrap_or_default();
        self.page_port = port("page-port");
        self.gateway_port = port("gateway-port");
        self.app_port = port("app-port");
        Ok(())
    }
}
