//! Browsers that keep what they trust in a database of NSS: Chromium on Linux, and Firefox.

use std::path::Path;

use super::surroundings::Nss;
use super::{Anchor, Place, Plan, Surroundings, Turn};

pub(super) fn chromium(anchor: &Anchor, around: &Surroundings, turn: Turn) -> Vec<Plan> {
    let Some(nss) = &around.chromium else { return Vec::new() };
    if turn == Turn::Remove && !nss.exists {
        return Vec::new();
    }
    let plan = Plan::new(Place::Chromium, "Chromium and its kin (NSS)");
    vec![change(plan, nss, anchor, around, turn)]
}

pub(super) fn firefox(anchor: &Anchor, around: &Surroundings, turn: Turn) -> Vec<Plan> {
    let plans = around.firefox.iter().map(|nss| {
        let profile = nss.folder.file_name().unwrap_or_default().to_string_lossy();
        let plan = Plan::new(Place::Firefox, format!("Firefox, profile {profile}"));
        change(plan, nss, anchor, around, turn)
    });
    plans.collect()
}

/// A database made anew in `folder`, which trusts the authority.
pub(super) fn fresh(folder: &Path, anchor: &Anchor, around: &Surroundings) -> Plan {
    let nss = Nss { folder: folder.to_owned(), exists: false };
    change(Plan::new(Place::Firefox, "the profile"), &nss, anchor, around, Turn::Install)
}

fn change(plan: Plan, nss: &Nss, anchor: &Anchor, around: &Surroundings, turn: Turn) -> Plan {
    if !around.has("certutil") {
        return plan.lacking(
            "certutil is not there; install libnss3-tools (Debian), nss-tools (Fedora) or nss \
             (Homebrew)",
        );
    }
    let database = format!("sql:{}", nss.folder.display());
    let file = anchor.file.to_string_lossy();
    if turn == Turn::Remove {
        return plan.run(&["certutil", "-d", &database, "-D", "-n", &anchor.name]);
    }
    let plan = if nss.exists {
        plan
    } else {
        plan.run(&["mkdir", "-p", &nss.folder.to_string_lossy()]).run(&[
            "certutil",
            "-d",
            &database,
            "-N",
            "--empty-password",
        ])
    };
    // Trusted for signing servers' certificates, and for nothing else.
    plan.run(&["certutil", "-d", &database, "-A", "-t", "C,,", "-n", &anchor.name, "-i", &file])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trust::shown;

    fn around(exists: bool) -> Surroundings {
        let nss = |folder: &str, exists| Nss { folder: folder.into(), exists };
        Surroundings {
            programs: vec!["certutil".to_owned()],
            chromium: Some(nss("/h/.pki/nssdb", exists)),
            firefox: vec![nss("/h/.mozilla/firefox/a.default", true)],
            ..Surroundings::default()
        }
    }

    fn commands(plans: &[Plan]) -> String {
        let commands = plans.iter().flat_map(|it| &it.commands).map(|it| shown(it));
        commands.collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn changes_the_database_of_each_browser() {
        let anchor = Anchor { file: "/d/ca.pem".into(), name: "hopscope".to_owned() };
        let add = "-A -t C,, -n hopscope -i /d/ca.pem";
        assert_eq!(
            commands(&chromium(&anchor, &around(false), Turn::Install)),
            format!(
                "mkdir -p /h/.pki/nssdb; certutil -d sql:/h/.pki/nssdb -N --empty-password; \
                 certutil -d sql:/h/.pki/nssdb {add}"
            )
        );
        assert_eq!(
            commands(&chromium(&anchor, &around(true), Turn::Remove)),
            "certutil -d sql:/h/.pki/nssdb -D -n hopscope"
        );
        assert!(chromium(&anchor, &around(false), Turn::Remove).is_empty());
        let plans = firefox(&anchor, &around(true), Turn::Install);
        assert_eq!(plans[0].what, "Firefox, profile a.default");
        assert_eq!(
            commands(&plans),
            format!("certutil -d sql:/h/.mozilla/firefox/a.default {add}")
        );
        let without = Surroundings { programs: Vec::new(), ..around(true) };
        let plans = firefox(&anchor, &without, Turn::Install);
        assert!(plans[0].lacks.as_ref().is_some_and(|it| it.contains("libnss3-tools")));
    }
}
