//! The system's own store, on Debian, Fedora and macOS, and on their kin.

use super::{Anchor, Place, Plan, Surroundings, Turn};

pub(super) fn plan(anchor: &Anchor, around: &Surroundings, turn: Turn) -> Plan {
    let file = anchor.file.to_string_lossy();
    let sudo = |words: &[&str], plan: Plan| {
        if around.is_root || !around.has("sudo") {
            plan.run(words)
        } else {
            plan.run(&[&["sudo"], words].concat())
        }
    };
    if around.has("update-ca-certificates") {
        let plan = Plan::new(Place::System, "the system (update-ca-certificates)");
        return match turn {
            Turn::Install => sudo(
                &["update-ca-certificates"],
                sudo(&["install", "-m", "0644", &file, DEBIAN], plan),
            ),
            // Without --fresh a link to what is gone would stay.
            Turn::Remove => {
                sudo(&["update-ca-certificates", "--fresh"], sudo(&["rm", "-f", DEBIAN], plan))
            }
        };
    }
    if around.has("trust") {
        let plan = Plan::new(Place::System, "the system (p11-kit trust)");
        let turn = if turn == Turn::Install { "--store" } else { "--remove" };
        return sudo(&["trust", "anchor", turn, &file], plan);
    }
    if around.has("security") {
        let plan = Plan::new(Place::System, "the login keychain (macOS)");
        let keychain = around.home.join("Library/Keychains/login.keychain-db");
        let keychain = keychain.to_string_lossy();
        return match turn {
            Turn::Install => plan.run(&[
                "security",
                "add-trusted-cert",
                "-r",
                "trustRoot",
                "-k",
                &keychain,
                &file,
            ]),
            Turn::Remove => plan.run(&["security", "remove-trusted-cert", &file]).run(&[
                "security",
                "delete-certificate",
                "-c",
                &anchor.name,
                &keychain,
            ]),
        };
    }
    Plan::new(Place::System, "the system").lacking(
        "no tool is known here that changes what the system trusts; install ca-certificates \
         (Debian) or p11-kit-trust (Fedora)",
    )
}

const DEBIAN: &str = "/usr/local/share/ca-certificates/hopscope-local-ca.crt";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trust::shown;

    #[test]
    fn knows_each_systems_way() {
        let anchor = Anchor { file: "/d/ca.pem".into(), name: "hopscope local CA 1".to_owned() };
        let debian = "/usr/local/share/ca-certificates/hopscope-local-ca.crt";
        for (programs, is_root, turn, expected) in [
            (
                "update-ca-certificates sudo",
                false,
                Turn::Install,
                format!("sudo install -m 0644 /d/ca.pem {debian}; sudo update-ca-certificates"),
            ),
            (
                "update-ca-certificates sudo",
                true,
                Turn::Remove,
                format!("rm -f {debian}; update-ca-certificates --fresh"),
            ),
            ("trust sudo", false, Turn::Install, "sudo trust anchor --store /d/ca.pem".to_owned()),
            ("trust", false, Turn::Remove, "trust anchor --remove /d/ca.pem".to_owned()),
            (
                "security",
                false,
                Turn::Install,
                "security add-trusted-cert -r trustRoot -k \
                 /h/Library/Keychains/login.keychain-db /d/ca.pem"
                    .to_owned(),
            ),
            (
                "security",
                false,
                Turn::Remove,
                "security remove-trusted-cert /d/ca.pem; security delete-certificate -c \
                 'hopscope local CA 1' /h/Library/Keychains/login.keychain-db"
                    .to_owned(),
            ),
        ] {
            let programs = programs.split(' ').map(str::to_owned).collect();
            let around =
                Surroundings { home: "/h".into(), is_root, programs, ..Surroundings::default() };
            let plan = plan(&anchor, &around, turn);
            let commands: Vec<_> = plan.commands.iter().map(|it| shown(it)).collect();
            assert_eq!(commands.join("; "), expected);
        }
        let plan = plan(&anchor, &Surroundings::default(), Turn::Install);
        assert!(plan.commands.is_empty() && plan.lacks.is_some_and(|it| it.contains("install")));
    }
}
